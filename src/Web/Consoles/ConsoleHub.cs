using System.Threading.Channels;
using MassTransit;
using Npgsql;
using Osv.Data.Logs;

namespace Osv.Web.Consoles;

/// <summary>
/// Stores what consoles print and tells those who watch. What arrives while a transaction is being written forms the next one, so that a thousand
/// chatty tenants cost a few commits a second.
/// </summary>
public sealed class ConsoleHub(NpgsqlDataSource source, ConsoleSignals signals, IBus bus, TimeProvider time, ILogger<ConsoleHub> log) : BackgroundService, IConsoleReceiver
{
    /// <summary>Most stretches in one transaction.</summary>
    private const int Batch = 512;

    /// <summary>Stretches that may wait; beyond that nodes are slowed down.</summary>
    private const int Waiting = 4096;

    /// <summary>A node's clock that is further from ours is wrong: retention must not drop what it has just printed.</summary>
    private static readonly TimeSpan ClockTolerance = TimeSpan.FromHours(12);

    private readonly Channel<Arrival> _arrivals = Channel.CreateBounded<Arrival>(new BoundedChannelOptions(Waiting) { SingleReader = true });

    public async Task ReceiveAsync(Guid tenantId, long instance, long offset, ReadOnlyMemory<byte> data, long lostBefore, DateTimeOffset time, CancellationToken cancel)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(instance);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(lostBefore);
        if (data.IsEmpty) return;
        DateTimeOffset now = Now();
        DateTimeOffset at = (time - now).Duration() > ClockTolerance ? now : time;
        var arrival = new Arrival(new ConsoleStretch(tenantId, instance, offset, data, lostBefore, at), new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        await _arrivals.Writer.WriteAsync(arrival, cancel);
        await arrival.Stored.Task.WaitAsync(cancel);
    }

    public async Task<IReadOnlyList<(Guid TenantId, long Instance, long Offset)>> PositionsAsync(Guid nodeId, CancellationToken cancel) =>
        [.. (await ConsoleStore.PositionsAsync(source, nodeId, cancel)).Select(known => (known.TenantId, known.Instance, known.NextOffset))];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var batch = new List<Arrival>(Batch);
        try
        {
            while (await _arrivals.Reader.WaitToReadAsync(stoppingToken))
            {
                batch.Clear();
                while (batch.Count < Batch && _arrivals.Reader.TryRead(out Arrival? arrival)) batch.Add(arrival);
                await StoreAsync(batch, stoppingToken);
            }
        }
        catch (OperationCanceledException)
        {
            // What was not stored is still known to the nodes.
        }
        finally
        {
            _arrivals.Writer.Complete();
            while (_arrivals.Reader.TryRead(out Arrival? left)) left.Stored.TrySetCanceled(CancellationToken.None);
        }
    }

    private async Task StoreAsync(List<Arrival> batch, CancellationToken cancel)
    {
        IReadOnlyDictionary<Guid, long> ends;
        try
        {
            ends = await ConsoleStore.AppendAsync(source, [.. batch.Select(arrival => arrival.Stretch)], cancel);
        }
        catch (Exception failed) when (failed is NpgsqlException or TimeoutException or InvalidOperationException or OperationCanceledException)
        {
            if (failed is not OperationCanceledException) log.ConsolesNotStored(batch.Count, failed);
            foreach (Arrival arrival in batch) arrival.Stored.TrySetException(failed);
            return;
        }
        foreach (Arrival arrival in batch) arrival.Stored.TrySetResult();
        foreach (Guid tenant in ends.Keys)
        {
            signals.Set(tenant);
            if (signals.IsWatchedElsewhere(tenant)) await TellAsync(tenant, cancel);
        }
    }

    private async Task TellAsync(Guid tenant, CancellationToken cancel)
    {
        try
        {
            await bus.Publish(new ConsoleGrew(tenant), cancel);
        }
        catch (Exception lost) when (lost is MassTransitException or IOException or TimeoutException)
        {
            // Who watches elsewhere finds it at the next look.
        }
    }

    private DateTimeOffset Now() => time.GetUtcNow();

    private sealed record Arrival(ConsoleStretch Stretch, TaskCompletionSource Stored);
}

internal static partial class ConsoleHubLog
{
    [LoggerMessage(Level = LogLevel.Warning, Message = "{Count} stretches of consoles could not be stored; their nodes send them again")]
    public static partial void ConsolesNotStored(this ILogger log, int count, Exception failed);
}
