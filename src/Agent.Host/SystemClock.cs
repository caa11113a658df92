using System.Runtime.InteropServices;

namespace Osv.Agent.Host;

/// <summary>The clock of the management Linux, which has no hardware behind it and takes the control plane's time.</summary>
internal static partial class SystemClock
{
    private static readonly TimeSpan s_tolerance = TimeSpan.FromSeconds(2);

    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }

    /// <summary>Steps the clock when it is off by more than network and load explain; true when it did.</summary>
    public static bool Follow(DateTimeOffset server)
    {
        if ((DateTimeOffset.UtcNow - server).Duration() < s_tolerance) return false;
        var time = new TimeSpec { Seconds = server.ToUnixTimeSeconds(), Nanoseconds = server.Millisecond * 1_000_000L };
        return SetTime(0, in time) == 0;
    }

    [LibraryImport("libc", EntryPoint = "clock_settime", SetLastError = true)]
    private static partial int SetTime(int clock, in TimeSpec time);
}
