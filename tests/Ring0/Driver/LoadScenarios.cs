using System.Diagnostics;
using System.Globalization;
using Osv.Contracts.ControlDevice;

namespace Osv.Ring0.Driver;

/// <summary>
/// One tenant of 2 cores, 1 GiB and whatever functions the node has, whose user space is a load (tests/bench/Load); what it
/// prints is passed on. Lines FIGURE NAME VALUE are for the reader of the serial port (tests/bench/Runs).
/// </summary>
internal static class LoadScenarios
{
    private const uint Tenant = 1;
    private const ulong Mebibytes = 1024;
    private const int Rounds = 5, LimitSeconds = 600;

    /// <param name="options">More for the tenant's command line.</param>
    public static void Run(Workbench bench, string load, string options)
    {
        uint[] free = bench.FreeCores;
        bench.CreateWithFunctions(Tenant, [free[0], free[1]], bench.TakeMemory(Mebibytes), bench.FreeFunctions);
        switch (load)
        {
            case "restart":
                for (int round = 0; round < Rounds; round++) Restart(bench);
                break;
            case "fault":
                for (int round = 0; round < Rounds; round++) Fault(bench);
                break;
            default:
                ToTheEnd(bench, load, options);
                break;
        }
    }

    internal static string CommandLine(string load) => $"{Scenarios.CommandLine} load={load}";

    /// <summary>From start to the tenant's own power-off. Partition 0 looks seldom: it is not to be part of the load.</summary>
    private static void ToTheEnd(Workbench bench, string load, string options)
    {
        ulong[] before = bench.Exits(Tenant);
        bench.Start(Tenant, $"{CommandLine(load)} {options}");
        var clock = Stopwatch.StartNew();
        do
        {
            Thread.Sleep(500);
            if (clock.Elapsed.TotalSeconds > LimitSeconds) throw new TimeoutException($"load {load} ran for more than {LimitSeconds} s");
        }
        while (bench.Device.Partitions[(int)Tenant].State != (uint)PartitionState.Stopped);
        Console.WriteLine(bench.WaitForConsole(Tenant, "LOADS DONE", 1));
        ulong[] after = bench.Exits(Tenant);
        for (int i = 0; i < after.Length; i++) Figure($"exits.{(ExitCounter)i}", after[i] - before[i]);
    }

    /// <summary>Stop with scrub, load and start again; by partition 0's clock, to its 5 ms.</summary>
    private static void Restart(Workbench bench)
    {
        bench.Start(Tenant, CommandLine("wait"));
        bench.WaitForConsole(Tenant, "USER SPACE", LimitSeconds);
        var clock = Stopwatch.StartNew();
        bench.Execute(ControlOperation.Stop, Tenant);
        Stopped(bench);
        double stopped = clock.Elapsed.TotalMilliseconds;
        bench.Start(Tenant, CommandLine("wait"));
        Figure("restart.ms", clock.Elapsed.TotalMilliseconds);
        Figure("restart.stop.ms", stopped);
        bench.Execute(ControlOperation.Stop, Tenant);
        Stopped(bench);
    }

    /// <summary>From the time-stamp counter that the guest printed before it faulted to the one in the event; printing is included.</summary>
    private static void Fault(Workbench bench)
    {
        bench.Start(Tenant, $"{CommandLine("fault")} reboot=triple");
        EventEntry failed = bench.WaitForEvent(EventKind.Failed, Tenant, LimitSeconds);
        Workbench.Check(failed.Cause == (uint)StopCause.TripleFault, $"cause {(StopCause)failed.Cause} is a triple fault");
        const string Said = "FAULT AT ";
        string console = bench.WaitForConsole(Tenant, Said, 1);
        int at = console.IndexOf(Said, StringComparison.Ordinal) + Said.Length;
        ulong faulted = ulong.Parse(console.AsSpan(at, console.AsSpan(at).IndexOfAnyExceptInRange('0', '9')), CultureInfo.InvariantCulture);
        Figure("fault.ms", (failed.Tsc - faulted) / (double)bench.Device.Header.TscKilohertz);
        Stopped(bench);
    }

    /// <summary>The next stop that has a cause: making a partition ends in one that has none.</summary>
    private static EventEntry Stopped(Workbench bench)
    {
        EventEntry stopped;
        do stopped = bench.WaitForEvent(EventKind.Stopped, Tenant, LimitSeconds); while (stopped.Cause == (uint)StopCause.None);
        return stopped;
    }

    internal static void Figure(string name, double value) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"FIGURE {name} {value:F3}"));
}
