using System.Runtime.InteropServices;

namespace Osv.Placement.Bench;

/// <summary>Processor time of the calling thread.</summary>
internal static partial class ThreadTime
{
    private const int ClockThreadCpuTime = 3;        // CLOCK_THREAD_CPUTIME_ID, clock_gettime(2)

    [StructLayout(LayoutKind.Sequential)]
    private struct Timespec
    {
        public long Seconds;
        public long Nanoseconds;
    }

    public static long Nanoseconds()
    {
        if (GetTime(ClockThreadCpuTime, out Timespec time) != 0) throw new InvalidOperationException("the thread's clock cannot be read");
        return time.Seconds * 1_000_000_000 + time.Nanoseconds;
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int GetTime(int clock, out Timespec time);
}
