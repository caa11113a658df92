using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Osv.Web.Gateway;

/// <summary>
/// Tells nodes what is wanted of them, soon after it changes, whoever changed it: it looks several times a second for the nodes that the triggers have
/// noted, and goes through all of its nodes now and then whatever was noted.
/// </summary>
internal sealed class DesiredPush(
    NpgsqlDataSource source, FactsReader facts, NodeLinks links, IOptions<GatewayOptions> options, TimeProvider time, GatewayMetrics metrics, ILogger<DesiredPush> log) : BackgroundService
{
    /// <summary>Nodes that are read with one query.</summary>
    private const int Batch = 256;

    /// <summary>What was noted is of no use to a replica that looks several times a second, after so long.</summary>
    private static readonly TimeSpan KeepChanges = TimeSpan.FromMinutes(5), Tidy = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan AfterFailure = TimeSpan.FromSeconds(1);

    // Whatever became visible since the last look was written by a transaction that had not ended then, or that began later.
    private const string Changes =
        "SELECT transaction_number::text, node_id, at, pg_snapshot_xmin(pg_current_snapshot())::text FROM node_changes WHERE transaction_number >= $1::text::xid8 UNION ALL SELECT NULL, NULL, NULL, pg_snapshot_xmin(pg_current_snapshot())::text";

    private readonly ConcurrentDictionary<Guid, DateTimeOffset?> _asked = [];
    private readonly HashSet<(ulong, Guid)> _seen = [];
    private readonly SemaphoreSlim _wake = new(0, 1);
    private ulong _from;

    /// <summary>Has a node looked at now: its stream stands, or somebody says that something changed.</summary>
    public void Ask(Guid node)
    {
        _asked.TryAdd(node, null);
        try
        {
            _wake.Release();
        }
        catch (SemaphoreFullException)
        {
            // It looks already.
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        long tidied = time.GetTimestamp(), swept = tidied;
        var sweep = new Queue<Guid>();
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await _wake.WaitAsync(options.Value.Poll, stoppingToken);
                await LookAsync(stoppingToken);
                if (sweep.Count == 0 && time.GetElapsedTime(swept) > options.Value.Sweep)
                {
                    swept = time.GetTimestamp();
                    foreach (NodeLink link in links.Connected()) sweep.Enqueue(link.Node);
                }
                for (int i = 0; i < Batch && sweep.TryDequeue(out Guid node); i++) _asked.TryAdd(node, null);
                while (!_asked.IsEmpty) await PushAsync([.. _asked.Take(Batch)], stoppingToken);
                if (time.GetElapsedTime(tidied) < Tidy) continue;
                tidied = time.GetTimestamp();
                links.Forget();
                await TidyAsync(stoppingToken);
            }
            catch (Exception error) when (error is NpgsqlException or TimeoutException or InvalidOperationException)
            {
                log.WriteFailed("desired state", error);
                await Task.Delay(AfterFailure, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private async Task LookAsync(CancellationToken cancel)
    {
        await using NpgsqlCommand command = source.CreateCommand(Changes);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = _from.ToString(CultureInfo.InvariantCulture) });
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancel);
        bool first = _from == 0;
        ulong horizon = _from;
        while (await row.ReadAsync(cancel))
        {
            horizon = ulong.Parse(row.GetString(3), CultureInfo.InvariantCulture);
            if (row.IsDBNull(0) || !_seen.Add((ulong.Parse(row.GetString(0), CultureInfo.InvariantCulture), row.GetGuid(1))) || first) continue;
            if (links.Find(row.GetGuid(1)) is { Stream: not null }) _asked.AddOrUpdate(row.GetGuid(1), row.GetFieldValue<DateTimeOffset>(2), (_, earlier) => earlier);
        }
        _from = horizon;
        _seen.RemoveWhere(seen => seen.Item1 < horizon);
    }

    private async Task PushAsync(IReadOnlyList<KeyValuePair<Guid, DateTimeOffset?>> asked, CancellationToken cancel)
    {
        foreach (KeyValuePair<Guid, DateTimeOffset?> entry in asked) _asked.TryRemove(entry);
        Dictionary<Guid, DateTimeOffset?> since = asked.ToDictionary();
        // A stream is in the database before it is here: what is read now is not older than the streams that stand now.
        Dictionary<Guid, NodeStream> streams = [];
        foreach (Guid node in since.Keys)
        {
            if (links.Find(node)?.Stream is { } stream) streams[node] = stream;
        }
        IReadOnlyList<NodeFacts> read;
        try
        {
            read = await facts.ReadAsync(since.Keys, cancel);
        }
        catch
        {
            foreach (KeyValuePair<Guid, DateTimeOffset?> entry in asked) _asked.TryAdd(entry.Key, entry.Value);
            throw;
        }
        foreach (NodeFacts node in read)
        {
            if (links.Find(node.Node) is not { } link || !streams.TryGetValue(node.Node, out NodeStream? stream) || link.Stream != stream) continue;
            if (!node.Admitted) stream.End(Grpc.Core.StatusCode.PermissionDenied, "this node was retired or deleted");
            else if (node.Stream is { } newest && newest != stream.Id) stream.End(Grpc.Core.StatusCode.Aborted, "another connection of this node has taken over");
            else await TellAsync(link, node, since[node.Node], cancel);
        }
    }

    private async Task TellAsync(NodeLink link, NodeFacts node, DateTimeOffset? changed, CancellationToken cancel)
    {
        IReadOnlyDictionary<Guid, PlacedTenant> before = link.Tenants;
        links.Placed(link, node.Plan.Tenants);
        foreach (PendingCommand command in node.Commands)
        {
            if (!await ClaimAsync(command.Id, cancel)) continue;
            if (link.Send(command.Envelope)) log.CommandSent(link.Name, command.Name, command.By);
        }
        if (node.Lost || !link.Want(node.Plan)) return;
        using Activity? span = StartTrace.Told(link.Name, link.Last!, before);
        log.DesiredSent(link.Name, link.Last!.Revision, node.Plan.Partitions.Count);
        // Both times are the database's.
        if (changed is { } at) metrics.Pushed(DateTimeOffset.FromUnixTimeMilliseconds((long)node.Plan.Revision / 1000) - at);
    }

    /// <summary>An order is sent at most once, whatever happens: a node that is reset twice is worse than one that is not.</summary>
    private async Task<bool> ClaimAsync(Guid command, CancellationToken cancel)
    {
        await using NpgsqlCommand claim = source.CreateCommand("UPDATE node_commands SET sent_at = clock_timestamp() WHERE id = $1 AND sent_at IS NULL AND expires_at > clock_timestamp()");
        claim.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = command });
        return await claim.ExecuteNonQueryAsync(cancel) == 1;
    }

    private async Task TidyAsync(CancellationToken cancel)
    {
        await using NpgsqlCommand command = source.CreateCommand("DELETE FROM node_changes WHERE at < clock_timestamp() - $1");
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = KeepChanges });
        await command.ExecuteNonQueryAsync(cancel);
    }
}
