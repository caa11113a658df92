using Osv.Contracts.ControlDevice;
using Osv.Contracts.Node;

namespace Osv.Agent.Partitions;

/// <summary>Whether and when a partition that ended starts again. Pure.</summary>
public static class RestartRules
{
    /// <summary>A run this long makes up for the failures before it.</summary>
    public static readonly TimeSpan LongRun = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan s_first = TimeSpan.FromSeconds(1), s_longest = TimeSpan.FromMinutes(5);

    /// <param name="failed">It panicked or hung in this run, whatever the end looked like afterwards.</param>
    public static bool Restarts(RestartPolicy policy, StopCause cause, bool failed) => policy switch
    {
        RestartPolicy.Always => true,
        // A reset is the guest's own reboot: it wants to go on.
        RestartPolicy.OnFailure => failed || cause != StopCause.PowerOff,
        _ => false,
    };

    /// <summary>None after a wish or the first end in a row, then doubling from a second on.</summary>
    public static TimeSpan Delay(int failuresInRow)
    {
        if (failuresInRow <= 1) return TimeSpan.Zero;
        double seconds = s_first.TotalSeconds * Math.Pow(2, Math.Clamp(failuresInRow - 2, 0, 16));
        return seconds > s_longest.TotalSeconds ? s_longest : TimeSpan.FromSeconds(seconds);
    }
}
