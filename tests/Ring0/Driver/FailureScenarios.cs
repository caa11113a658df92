using Osv.Contracts.ControlDevice;

namespace Osv.Ring0.Driver;

/// <summary>Guests, the management Linux and the monitor itself fail; everybody else goes on.</summary>
internal static class FailureScenarios
{
    /// <summary>A panic told through the panic port. Cores that it stops, and idle ones, are not told as hanging.</summary>
    public static void Failures(Workbench bench)
    {
        uint[] free = bench.FreeCores;
        bench.Create(1, [free[0], free[1]], bench.TakeMemory(256));
        bench.Create(2, [free[2]], bench.TakeMemory(128));
        bench.Start(1, Scenarios.CommandLine);
        bench.Start(2, Scenarios.CommandLine);
        bench.WaitForConsole(1, "LOADS DONE", 120);
        bench.WaitForConsole(2, "LOADS DONE", 120);

        bench.Type(1, "tell");
        EventEntry panicked = bench.WaitForEvent(EventKind.Panicked, 1);
        Workbench.Check(panicked.Rip >> 63 == 1 && panicked.Cr3 != 0, $"the panic event has the kernel's RIP {panicked.Rip:x} and CR3 {panicked.Cr3:x}");
        Workbench.Pass("a panic is told through the panic port");

        // The panicking kernel has stopped its other core for good, interrupts off and halted, and waits itself for a key.
        bench.WaitForConsole(1, "end Kernel panic");
        bench.ProbeFor(1, milliseconds: 1500);
        Workbench.Check(!bench.HasEvent(EventKind.Hung, 1), "a core that its kernel has stopped is not taken for a hanging one");
        Workbench.Pass("a core that its kernel has stopped is not taken for a hanging one");

        bench.ProbeFor(2, milliseconds: 1500);
        Workbench.Check(!bench.HasEvent(EventKind.Hung, 2), "an idle partition is not taken for a hanging one");
        bench.Type(2, "alive");
        bench.WaitForConsole(2, "ALIVE");
        Workbench.Pass("an idle neighbour is not taken for a hanging one");
        bench.Execute(ControlOperation.Stop, 1);
        bench.WaitFor(1, PartitionState.Stopped);
        Workbench.Pass("a panicked partition stops");
    }

    /// <summary>The first life: a tenant works, the agent beats and then does not any more.</summary>
    public static void BeforeHang(Workbench bench)
    {
        BeforeDeath(bench);
        for (uint beat = 1; beat <= 20; beat++)
        {
            bench.Device.Header.Beat = beat;
            Thread.Sleep(250);
        }
        Workbench.Check(bench.Device.Header.ManagementRestarts == 0, "partition 0 lives while it beats");
        Workbench.Pass("the management Linux lives while it beats");
        Terminal.Drain();
        Thread.Sleep(Timeout.Infinite);
    }

    public static void AfterHang(Workbench bench)
    {
        bool told = false;
        for (ulong number = 1; number <= bench.Device.Header.EventCount; number++)
        {
            told |= bench.Device.Event(number) is { Kind: (uint)EventKind.ManagementRestarted, Cause: (uint)StopCause.Hung };
        }
        Workbench.Check(told, "the event of the restart has the cause Hung");
        Workbench.Pass("a management Linux that stands still is restarted");
        AfterDeath(bench);
    }

    public static void BeforeDeath(Workbench bench)
    {
        bench.Create(1, [bench.FreeCores[0]], bench.TakeMemory(256));
        bench.Start(1, Scenarios.CommandLine);
        bench.WaitForConsole(1, "LOADS DONE", 120);
        Workbench.Pass("a tenant runs before the management Linux dies");
        LeaveSizeProbes();
    }

    /// <summary>Half of sizing a base address, as a kernel that dies in between leaves it: the next life must find the addresses all the same.</summary>
    private static void LeaveSizeProbes()
    {
        string device = Directory.EnumerateDirectories("/sys/bus/pci/devices").Single(function => Convert.ToInt32(File.ReadAllText(Path.Combine(function, "device")).Trim(), 16) == ControlLayout.DeviceId);
        using FileStream configuration = File.OpenWrite(Path.Combine(device, "config"));
        for (int offset = 0x10; offset <= 0x24; offset += 4)
        {
            configuration.Position = offset;
            configuration.Write([0xFF, 0xFF, 0xFF, 0xFF]);
            configuration.Flush();
        }
    }

    /// <summary>The second life of partition 0: the monitor has booted it from the payload again.</summary>
    public static void AfterDeath(Workbench bench)
    {
        Workbench.Check(bench.HasEvent(EventKind.ManagementRestarted, Machine0), "the restart is an event");
        Workbench.Check(bench.Device.Partitions[1].State == (uint)PartitionState.Running, "the tenant still runs");
        bench.Type(1, "alive");
        bench.WaitForConsole(1, "ALIVE");
        Workbench.Pass("a tenant outlives the management Linux");
        bench.Execute(ControlOperation.Stop, 1);
        bench.WaitFor(1, PartitionState.Stopped);
        bench.Execute(ControlOperation.Destroy, 1);
        Workbench.Pass("the new management Linux is in charge");
    }

    private const uint Machine0 = 0;

    /// <summary>The test will damage the monitor now; nothing after that is reached.</summary>
    public static void AwaitMonitorFault(Workbench bench)
    {
        bench.Create(1, [bench.FreeCores[0]], bench.TakeMemory(128));
        bench.Start(1, Scenarios.CommandLine);
        bench.WaitForConsole(1, "LOADS DONE", 120);
        Console.WriteLine("READY FOR THE FAULT");
        while (true) bench.Execute(ControlOperation.Topology, 0);
    }
}
