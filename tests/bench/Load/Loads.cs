using System.Diagnostics;
using System.Runtime.Intrinsics.X86;

namespace Osv.Bench.Load;

/// <summary>The loads. Each is marked, timed, and said in one line: LOAD NAME SECONDS.</summary>
internal static class Loads
{
    private const int ShellsAtOnce = 2, ExecsOfEach = LoadSize.ExecBatch / ShellsAtOnce;
    private static readonly TimeSpan s_settling = TimeSpan.FromMilliseconds(500);
    private const int TimesFresh = 4;
    private const nuint FreshBytes = 192 << 20;

    /// <summary>
    /// The first CPUID of a program ends the boot phase of the core it runs on (monitor/Exits/CpuidExit.cs). What follows
    /// is to be the run phase on every core.
    /// </summary>
    public static void EndBootPhase()
    {
        for (int i = 0; i < Environment.ProcessorCount; i++) On(i, () => _ = X86Base.CpuId(0, 0)).Join();
    }

    public static void Idle(int seconds) => Measure(Phase.Idle, () => Thread.Sleep(TimeSpan.FromSeconds(seconds)));

    /// <summary>A byte to and fro between a thread on processor 0 and one on processor 1: two wake-ups across cores each time.</summary>
    public static void Pipe(int roundTrips)
    {
        (int Read, int Write) there = Linux.Pipe(), back = Linux.Pipe();
        Thread echo = On(1, () =>
        {
            for (int i = 0; i <= roundTrips; i++)
            {
                Linux.ReadByte(there.Read);
                Registers.WriteByte(back.Write);
            }
        });
        Thread caller = On(0, () =>
        {
            RoundTrip();
            Measure(Phase.Pipe, () =>
            {
                for (int i = 0; i < roundTrips; i++)
                {
                    RoundTrip();
                    if ((i + 1) % LoadSize.Batch == 0) Marks.Enter(Phase.Pipe);
                }
            });
        });
        caller.Join();
        echo.Join();
        Console.WriteLine($"REGISTERS KEPT over {2 * roundTrips} writes");

        void RoundTrip()
        {
            Registers.WriteByte(there.Write);
            Linux.ReadByte(back.Read);
        }
    }

    /// <summary>Two shells at once, each on a processor of its own, that fork and exec a program again and again; new ones for each batch.</summary>
    public static void Exec() => Measure(Phase.Exec, () =>
    {
        for (int done = 0; done < LoadSize.Execs; done += LoadSize.ExecBatch)
        {
            ExecBatch();
            Marks.Enter(Phase.Exec);
        }
    });

    private static void ExecBatch()
    {
        string script = $"i=0; while [ $i -lt {ExecsOfEach} ]; do /bin/busybox true; i=$((i + 1)); done";
        Thread[] waiters = [.. Enumerable.Range(0, ShellsAtOnce).Select(i => On(i, () =>
        {
            // A process inherits the processor of the thread that starts it.
            using Process shell = Process.Start("/bin/busybox", ["sh", "-c", script]);
            shell.WaitForExit();
            if (shell.ExitCode != 0) throw new InvalidOperationException($"a shell ended with status {shell.ExitCode}");
        }))];
        foreach (Thread waiter in waiters) waiter.Join();
    }

    /// <summary>First touch of 192 MiB, again and again: mapped, written page by page, given back.</summary>
    public static void Memory() => Measure(Phase.Memory, () =>
    {
        for (int i = 0; i < TimesFresh; i++) Linux.TouchFresh(FreshBytes);
    });

    /// <summary>A thread of its own, tied to a processor and running. When it fails, all ends: others may wait for it.</summary>
    public static Thread On(int processor, Action work)
    {
        var thread = new Thread(() =>
        {
            try
            {
                Linux.PinTo(processor);
                work();
            }
            catch (Exception error)
            {
                Linux.End($"LOADS FAILED {error}");
            }
        });
        thread.Start();
        return thread;
    }

    /// <summary>Lines still on their way out would be part of the load, and the start-up of the first one too.</summary>
    public static void Measure(Phase phase, Action load)
    {
        Linux.DrainConsole();
        Thread.Sleep(s_settling);
        var clock = Stopwatch.StartNew();
        Marks.Enter(phase);
        load();
        Marks.Enter(Phase.Between);
        TimeSpan elapsed = clock.Elapsed;
        Console.WriteLine($"LOAD {phase} {elapsed.TotalSeconds:F4}");
    }
}
