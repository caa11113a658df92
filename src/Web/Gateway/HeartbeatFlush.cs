using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using Npgsql;
using Osv.Data.Nodes;

namespace Osv.Web.Gateway;

/// <summary>Keeps heartbeats for half a second and stores those of all nodes with one statement: on disk within a second, the statement included.</summary>
internal sealed class HeartbeatFlush(NpgsqlDataSource source, DatabaseClock clock, NodeLinks links, IOptions<GatewayOptions> options, TimeProvider time, GatewayMetrics metrics, ILogger<HeartbeatFlush> log) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(500);

    private sealed record Beat(DateTimeOffset At, long Stamp, long Sequence);

    private readonly ConcurrentDictionary<Guid, Beat> _waiting = [];

    /// <summary>A heartbeat has come.</summary>
    public void Add(Guid node, ulong sequence) => _waiting[node] = Now(sequence);

    /// <summary>Stores a heartbeat at once: before the first word to a node.</summary>
    public async Task StoreAsync(NodeLink link, CancellationToken cancel)
    {
        await clock.SynchronizeAsync(cancel);
        Beat beat = Now(0);
        await Heartbeats.WriteAsync(source, [Row(link.Node, beat)], cancel);
        link.Stored(beat.Stamp);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken)) await FlushAsync(stoppingToken);
        }
        catch (OperationCanceledException)
        {
            // Those that wait are sent again by agents that find another replica.
        }
    }

    private async Task FlushAsync(CancellationToken cancel)
    {
        // Its own way of copying: any other counts first and copies then, and streams add meanwhile.
        KeyValuePair<Guid, Beat>[] beats = _waiting.ToArray();
        if (beats.Length == 0) return;
        try
        {
            await clock.SynchronizeAsync(cancel);
            await Heartbeats.WriteAsync(source, [.. beats.Select(beat => Row(beat.Key, beat.Value))], cancel);
        }
        catch (Exception error) when (error is NpgsqlException or TimeoutException)
        {
            // They stay, and nothing is said to their nodes that would let a lease grow that is not stored.
            log.WriteFailed("heartbeats", error);
            return;
        }
        foreach (KeyValuePair<Guid, Beat> beat in beats)
        {
            // A newer one that came meanwhile stays for the next time.
            _waiting.TryRemove(beat);
            links.Find(beat.Key)?.Stored(beat.Value.Stamp);
            metrics.HeartbeatStored(time.GetElapsedTime(beat.Value.Stamp));
        }
    }

    private Beat Now(ulong sequence) => new(clock.Now, time.GetTimestamp(), (long)Math.Min(sequence, long.MaxValue));

    private NodeHeartbeat Row(Guid node, Beat beat) =>
        new() { NodeId = node, ReceivedAt = beat.At, Sequence = beat.Sequence, LeaseExpiresAt = beat.At + options.Value.Lease + options.Value.LeaseSlack };
}
