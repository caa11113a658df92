namespace Osv.Agent.Tests;

/// <summary>The clock of the machine, with a wall time that the test steps. Timers run as they are.</summary>
internal sealed class ShiftedTime : TimeProvider
{
    private long _ticks;

    public void Step(TimeSpan by) => Interlocked.Add(ref _ticks, by.Ticks);

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow().AddTicks(Interlocked.Read(ref _ticks));
}
