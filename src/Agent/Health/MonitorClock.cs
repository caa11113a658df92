namespace Osv.Agent.Health;

/// <summary>
/// Turns the monitor's time stamps into wall-clock time. A time stamp and a moment are paired once; a later step of the wall
/// clock moves all times alike.
/// </summary>
public sealed class MonitorClock(ulong kilohertz, ulong pairedStamp, long pairedTicks, TimeProvider time)
{
    /// <summary>Unix time in ms of a time stamp.</summary>
    public ulong UnixMs(ulong stamp)
    {
        if (kilohertz == 0) return 0;
        double sinceMs = ((double)stamp - pairedStamp) / kilohertz;
        double pairedAgoMs = time.GetElapsedTime(pairedTicks).TotalMilliseconds;
        double unix = time.GetUtcNow().ToUnixTimeMilliseconds() - pairedAgoMs + sinceMs;
        return unix < 0 ? 0 : (ulong)unix;
    }
}
