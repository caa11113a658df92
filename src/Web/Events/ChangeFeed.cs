using System.Threading.Channels;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Osv.Data;

namespace Osv.Web.Events;

/// <summary>
/// Watches the database for all pages and streams of this process: three small queries a second whatever the number of watchers, and nothing
/// inside of anybody's commit. It sees what other replicas and the scheduler do, too.
/// </summary>
public sealed class ChangeFeed(IDbContextFactory<OsvDbContext> contexts, TimeProvider time, ILogger<ChangeFeed> log) : BackgroundService
{
    /// <summary>How far behind a commit may come: a row's time is set before its transaction ends.</summary>
    private static readonly TimeSpan Overlap = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private readonly HashSet<Channel<FleetEvent>> _watchers = [];
    private readonly HashSet<(Guid, DateTimeOffset)> _seen = [];

    /// <summary>Events from now on, until the watcher is disposed. One that does not keep up loses the oldest.</summary>
    public Watcher Watch()
    {
        var channel = Channel.CreateBounded<FleetEvent>(new BoundedChannelOptions(1000) { FullMode = BoundedChannelFullMode.DropOldest });
        lock (_lock) _watchers.Add(channel);
        return new Watcher(this, channel);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        DateTimeOffset since = time.GetUtcNow();
        long? sequence = null;
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1), time);
        while (await WaitAsync(timer, stoppingToken))
        {
            try
            {
                (since, sequence) = await PollAsync(since, sequence, stoppingToken);
            }
            catch (Exception failed) when (failed is NpgsqlException or InvalidOperationException or TimeoutException)
            {
                // Watchers see nothing new until the database is back; then everything since is told.
                log.PollFailed(failed);
            }
        }
    }

    private static async ValueTask<bool> WaitAsync(PeriodicTimer timer, CancellationToken cancel)
    {
        try
        {
            return await timer.WaitForNextTickAsync(cancel);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async Task<(DateTimeOffset, long?)> PollAsync(DateTimeOffset since, long? sequence, CancellationToken cancel)
    {
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        DateTimeOffset from = since - Overlap;
        List<FleetEvent> events = await data.NodeLifecycles.Where(row => row.EnteredAt > from)
            .Join(data.Nodes, row => row.NodeId, node => node.Id, (row, node) => new FleetEvent("node", node.Id, node.Name, null, row.State.ToString(), row.Reason, row.EnteredAt)).ToListAsync(cancel);
        events.AddRange(await data.TenantLifecycles.Where(row => row.EnteredAt > from)
            .Join(data.Tenants, row => row.TenantId, tenant => tenant.Id, (row, tenant) => new FleetEvent("tenant", tenant.Id, tenant.Name, tenant.ProjectId, row.State.ToString(), row.Reason, row.EnteredAt)).ToListAsync(cancel));
        events.RemoveAll(e => !_seen.Add((e.Id!.Value, e.At)));
        _seen.RemoveWhere(seen => seen.Item2 <= from);
        // The chain has no gaps, so its numbers need no overlap.
        long last = await data.AuditHeads.Select(head => head.Sequence).SingleAsync(cancel);
        if (sequence is { } told && told < last)
        {
            events.AddRange(await data.AuditEntries.Where(entry => entry.Sequence > told && entry.Sequence <= last && entry.Action != "request.refuse").OrderBy(entry => entry.Sequence)
                .Select(entry => new FleetEvent("act", null, entry.Subject, entry.ProjectId, entry.Action, entry.Actor, entry.At)).ToListAsync(cancel));
        }
        events.Sort((a, b) => a.At.CompareTo(b.At));
        Channel<FleetEvent>[] watchers;
        lock (_lock) watchers = [.. _watchers];
        foreach (FleetEvent e in events)
        {
            foreach (Channel<FleetEvent> watcher in watchers) watcher.Writer.TryWrite(e);
        }
        return (events.Where(e => e.Kind != "act").Select(e => e.At).Append(since).Max(), last);
    }

    /// <summary>A subscription.</summary>
    public sealed class Watcher : IDisposable
    {
        private readonly ChangeFeed _feed;
        private readonly Channel<FleetEvent> _channel;

        internal Watcher(ChangeFeed feed, Channel<FleetEvent> channel) => (_feed, _channel) = (feed, channel);

        public ChannelReader<FleetEvent> Events => _channel.Reader;

        public void Dispose()
        {
            lock (_feed._lock) _feed._watchers.Remove(_channel);
            _channel.Writer.TryComplete();
        }
    }
}

internal static partial class ChangeFeedLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "The database could not be watched; it is tried again in a second")]
    public static partial void PollFailed(this ILogger log, Exception failed);
}
