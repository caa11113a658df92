namespace Osv.Fuzz.Targets.Agent;

/// <summary>A clock that moves when it is told to: the same input, the same course.</summary>
internal sealed class StillTime : TimeProvider
{
    private long _ticks;

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch.AddYears(56).AddTicks(_ticks);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => TimeSpan.TicksPerDay + _ticks;

    public void Advance(TimeSpan time) => _ticks += time.Ticks;
}
