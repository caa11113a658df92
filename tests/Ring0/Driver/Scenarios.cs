using Osv.Contracts.ControlDevice;

namespace Osv.Ring0.Driver;

/// <summary>What is done to the monitor from inside partition 0. Each line PASS is one thing seen.</summary>
internal static class Scenarios
{
    internal const string CommandLine = "console=ttyS0 quiet";

    /// <summary>Two tenants at once, two cores each, and what they do to each other: nothing.</summary>
    public static void Tenants(Workbench bench)
    {
        uint[] free = bench.FreeCores;
        bench.Create(1, [free[0], free[1]], bench.TakeMemory(256));
        bench.Create(2, [free[2], free[3]], bench.TakeMemory(256));
        bench.Start(1, CommandLine);
        bench.Start(2, CommandLine);
        foreach (uint partition in (uint[])[1, 2])
        {
            string console = bench.WaitForConsole(partition, "TENANT UP");
            Workbench.Check(console.Contains("nproc=2", StringComparison.Ordinal), $"partition {partition} has 2 cores: {console}");
            Workbench.Pass($"partition {partition} runs an unmodified kernel on its own 2 cores");
        }
        foreach (uint partition in (uint[])[1, 2]) bench.WaitForConsole(partition, "LOADS DONE", 120);
        MeasureIdle(bench);

        bench.Execute(ControlOperation.Probe, 1);
        bool probed = false;
        foreach (CoreEntry core in bench.Device.Cores) probed |= core.Partition == 1 && core.ProbeCount > 0 && core.ProbeRip != 0;
        Thread.Sleep(100);
        foreach (CoreEntry core in bench.Device.Cores) probed |= core.Partition == 1 && core.ProbeCount > 0 && core.ProbeRip != 0;
        Workbench.Check(probed, "the probe sampled a core of partition 1");
        Workbench.Pass("a running core is probed by NMI");

        bench.Type(1, "panic");
        bench.WaitForConsole(1, "Kernel panic");
        bench.Type(2, "alive");
        bench.WaitForConsole(2, "ALIVE");
        Workbench.Pass("a neighbour's panic is not noticed");
    }

    /// <summary>Ten quiet seconds in the run phase: ICR writes and nothing else (peers.md: at most 30).</summary>
    private static void MeasureIdle(Workbench bench)
    {
        // What it said last is read before its line has ended and its port's interrupt was taken.
        ulong quiet = Others(bench.Exits(2));
        Workbench.WaitUntil(
            () =>
            {
                Thread.Sleep(500);
                ulong last = quiet;
                quiet = Others(bench.Exits(2));
                return quiet == last;
            },
            30, "partition 2 to be done with its console");
        ulong[] before = bench.Exits(2);
        Thread.Sleep(10_000);
        ulong[] after = bench.Exits(2);
        ulong icr = after[(int)ExitCounter.Icr] - before[(int)ExitCounter.Icr], others = Others(after) - Others(before);
        Console.WriteLine($"FIGURE idle10s icr={icr} others={others}");
        Workbench.Check(others == 0, $"no exits but ICR in the run phase, with a shell waiting at its console; there were {others}");
        Workbench.Pass("only ICR exits in the run phase");
        Workbench.Check(icr <= 30, $"at most 30 ICR exits in 10 idle seconds, there were {icr}");
        Workbench.Pass("ten idle seconds cost at most 30 exits");
    }

    /// <summary>Exits for anything but sending an interrupt.</summary>
    private static ulong Others(ulong[] exits)
    {
        ulong others = 0;
        for (int i = 0; i < exits.Length; i++)
        {
            if (i != (int)ExitCounter.Icr) others += exits[i];
        }
        return others;
    }

    /// <summary>Start, reboot, power off, triple fault, stop, destroy, and all again with the same cores and memory.</summary>
    public static void Lifecycle(Workbench bench)
    {
        uint[] free = bench.FreeCores;
        MemoryExtent memory = bench.TakeMemory(256);
        bench.Create(1, [free[0], free[1]], memory);
        Ended(bench, "reboot", string.Empty, StopCause.Reset);
        Ended(bench, "reboot", " reboot=acpi", StopCause.Reset);
        Ended(bench, "reboot", " reboot=kbd", StopCause.Reset);
        Ended(bench, "reboot", " reboot=bios", StopCause.Reset);
        Ended(bench, "reboot", " reboot=pci", StopCause.Reset);
        Ended(bench, "reboot", " reboot=triple", StopCause.TripleFault);
        Ended(bench, "poweroff", string.Empty, StopCause.PowerOff);
        for (int round = 0; round < 3; round++)
        {
            bench.Start(1, CommandLine);
            bench.WaitForConsole(1, "TENANT UP");
            bench.Execute(ControlOperation.Stop, 1);
            EventEntry stopped = bench.WaitForEvent(EventKind.Stopped, 1);
            Workbench.Check(stopped.Cause == (uint)StopCause.Requested, $"cause {stopped.Cause} is Requested");
            bench.WaitFor(1, PartitionState.Stopped);
        }
        Workbench.Pass("stopped and started three times");
        bench.Device.Request.Argument = 1;
        bench.Device.Request.WindowAddress = 0;
        bench.Execute(ControlOperation.Load, 1);
        Workbench.Check(bench.Device.Window(0, 64 << 20).IndexOfAnyExcept((byte)0) < 0, "the memory of a stopped partition is clear");
        Workbench.Pass("memory is scrubbed before the window opens");
        bench.Execute(ControlOperation.Destroy, 1);
        bench.Create(2, [free[1]], memory);
        bench.Start(2, CommandLine);
        Workbench.Check(bench.WaitForConsole(2, "TENANT UP").Contains("nproc=1", StringComparison.Ordinal), "one core");
        Workbench.Pass("cores and memory go to another partition");
        InputIsNotInherited(bench, free[1], memory);
        ulong[] exits = bench.Exits(2);
        Workbench.Check(exits[(int)ExitCounter.Npf] == 0, "no memory violation");
    }

    /// <summary>What was typed for an owner who is gone is not read by the next.</summary>
    private static void InputIsNotInherited(Workbench bench, uint core, MemoryExtent memory)
    {
        // The guest has not come to its shell yet: this stays unread.
        bench.Type(2, "alive");
        bench.Execute(ControlOperation.Stop, 2);
        bench.WaitFor(2, PartitionState.Stopped);
        bench.Execute(ControlOperation.Destroy, 2);
        bench.Create(2, [core], memory);
        bench.Start(2, CommandLine);
        bench.WaitForConsole(2, "LOADS DONE", 120);
        bench.Type(2, "fill 1");
        string said = bench.WaitForConsole(2, "FILLED");
        Workbench.Check(!said.Contains("ALIVE", StringComparison.Ordinal), $"the new owner's shell got only what was typed for it: {said}");
        Workbench.Pass("console input is not inherited");
    }

    private static void Ended(Workbench bench, string command, string option, StopCause cause)
    {
        bench.Start(1, CommandLine + option);
        bench.WaitForConsole(1, "TENANT UP");
        bench.WaitForConsole(1, "LOADS DONE", 120);
        bench.Type(1, command);
        EventEntry stopped;
        do stopped = bench.WaitForEvent(EventKind.Stopped, 1); while (stopped.Cause == (uint)StopCause.None);
        Workbench.Check(stopped.Cause == (uint)cause, $"{command}: cause {(StopCause)stopped.Cause} is {cause}");
        bench.WaitFor(1, PartitionState.Stopped);
        Workbench.Pass($"{command}{option} is seen as {cause}");
    }

    /// <summary>Requests that must be refused, each with its own code.</summary>
    public static void Refusals(Workbench bench)
    {
        uint[] free = bench.FreeCores;
        MemoryExtent good = bench.TakeMemory(64);
        Refused(bench, ControlStatus.ManagementIsFixed, 0, [free[0]], good);
        Refused(bench, ControlStatus.BadPartition, 64, [free[0]], good);
        Refused(bench, ControlStatus.BadCoreCount, 1, [], good);
        Refused(bench, ControlStatus.UnknownCore, 1, [4000], good);
        Refused(bench, ControlStatus.CoreNotFree, 1, [0], good);
        Refused(bench, ControlStatus.DuplicateCore, 1, [free[0], free[0]], good);
        Refused(bench, ControlStatus.BadExtent, 1, [free[0]], good with { Bytes = 4096 });
        Refused(bench, ControlStatus.BadExtent, 1, [free[0]], good with { GuestAddress = 0xC000_0000 });
        Refused(bench, ControlStatus.BadExtent, 1, [free[0]], good with { HostAddress = 0xFFFF_FFFF_FFE0_0000 });
        Refused(bench, ControlStatus.MemoryNotFree, 1, [free[0]], good with { HostAddress = 0 });
        Refused(bench, ControlStatus.MemoryNotFree, 1, [free[0]], good with { HostAddress = 16 << 20 });
        bench.Create(1, [free[0]], good);
        Refused(bench, ControlStatus.WrongState, 1, [free[1]], bench.TakeMemory(64));
        Refused(bench, ControlStatus.MemoryNotFree, 2, [free[1]], good);
        Refused(bench, ControlStatus.CoreNotFree, 2, [free[0]], bench.TakeMemory(64));
        Workbench.Check(bench.Device.TryExecute((ControlOperation)99, out _) == ControlStatus.UnknownOperation, "operation 99 is unknown");
        Workbench.Pass("every bad request is refused with its own code");
    }

    private static void Refused(Workbench bench, ControlStatus expected, uint partition, uint[] cores, MemoryExtent memory)
    {
        bench.FillCreate(partition, cores, [memory]);
        ControlStatus status = bench.Device.TryExecute(ControlOperation.Create, out _);
        Workbench.Check(status == expected, $"create of partition {partition} gives {expected}, got {status}");
    }
}
