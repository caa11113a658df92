using System.Threading.Channels;

namespace Osv.Scheduler.Hosting;

/// <summary>Tells a loop to look now instead of at its next poll. A signal to a loop that is at work counts for the next round; several count once.</summary>
public sealed class WakeSignal
{
    private readonly Channel<bool> _signal = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    public void Set() => _signal.Writer.TryWrite(true);

    /// <summary>Returns at the next signal or after <paramref name="most"/>.</summary>
    public async Task WaitAsync(TimeSpan most, TimeProvider time, CancellationToken cancel)
    {
        using var end = new CancellationTokenSource(most, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(end.Token, cancel);
        try
        {
            await _signal.Reader.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            // The time is up.
        }
    }
}

/// <summary>The signals of this process.</summary>
public sealed class WakeSignals
{
    public WakeSignal Tenants { get; } = new();

    public WakeSignal Nodes { get; } = new();

    public WakeSignal Jobs { get; } = new();

    public WakeSignal Outbox { get; } = new();
}
