using Osv.Contracts.ControlDevice;
using Osv.Ring0.Attacker;

namespace Osv.Ring0.Driver;

/// <summary>
/// A hostile tenant with an NVMe controller of its own (Attacker/Nvme.cs) beside one that computes and one that works with
/// another controller of the same kind.
/// </summary>
internal static class DeviceAttacks
{
    private const uint Attacker = AttackScenarios.Partition, Worker = 3;
    private const ulong Mebibytes = 16;
    private const int Stops = 40, AllCases = 203;

    /// <param name="refused">What the IOMMU refuses; else what the monitor does.</param>
    /// <param name="told">The node's IOMMU logs events.</param>
    public static void Run(Workbench bench, string monitorCode, bool refused, bool told = false)
    {
        ushort[] disks = [.. bench.Device.Functions.ToArray().Where(function => function.Class == DeviceScenarios.Nvme && function.IsAssignable == 1).Select(function => function.Address)];
        Workbench.Check(disks.Length == 2, $"the node has two NVMe controllers that can be given away, not {disks.Length}");
        var image = new AttackerImage(monitorCode);
        uint[] free = bench.FreeCores;
        var neighbour = new Neighbour(bench, image, free[0]);
        MemoryExtent memory = bench.TakeMemory(Mebibytes);
        bench.CreateWithFunctions(Attacker, [free[1]], memory, disks[0]);
        bench.WaitForEvent(EventKind.Stopped, Attacker);
        bench.CreateWithFunctions(Worker, [free[2]], bench.TakeMemory(128), disks[1]);
        bench.Start(Worker, Scenarios.CommandLine);
        bench.WaitForConsole(Worker, "LOADS DONE", 240);
        string written = DeviceScenarios.Sum(bench, Worker, "write", "WROTE");
        var parameters = new Parameters
        {
            OwnId = free[1],
            SecondId = Parameters.NoCore,
            NeighbourId = neighbour.Core,
            ManagementId = AttackScenarios.ManagementCore(bench),
            MemoryBytes = Mebibytes << 20,
        };
        var lines = new ConsoleLines(bench.Device, Attacker);

        if (refused)
        {
            Refused(bench, image, parameters, lines, neighbour, told);
        }
        else
        {
            Cases(bench, image, parameters, lines);
            neighbour.Check("device cases");
            StopDuringDma(bench, image, parameters, lines);
            neighbour.Check("stops during DMA");
        }
        Workbench.Check(DeviceScenarios.Sum(bench, Worker, "read", "READ") == written, "the neighbour's disk has what was written to it");
        Workbench.Pass("a neighbour with the same kind of device is unharmed");
    }

    /// <summary>The test plays the IOMMU that logs (DeviceEventTests).</summary>
    public static void Events(Workbench bench, string monitorCode)
    {
        ushort disk = bench.Device.Functions.ToArray().First(function => function.Class == DeviceScenarios.Nvme).Address;
        var image = new AttackerImage(monitorCode);
        uint[] free = bench.FreeCores;
        var neighbour = new Neighbour(bench, image, free[0]);
        bench.CreateWithFunctions(Attacker, [free[1]], bench.TakeMemory(Mebibytes), disk);
        bench.WaitForEvent(EventKind.Stopped, Attacker);
        var parameters = new Parameters { Mode = PayloadMode.Dma, Argument = (uint)DmaKind.Stream, OwnId = free[1], SecondId = Parameters.NoCore, NeighbourId = neighbour.Core, MemoryBytes = Mebibytes << 20 };
        var lines = new ConsoleLines(bench.Device, Attacker);

        image.Start(bench, Attacker, parameters);
        lines.Await("DMA READY");
        Console.WriteLine($"AWAITS ONE EVENT OF {disk:x4}");
        ulong looks = Looks();
        EventEntry told;
        try
        {
            told = bench.WaitForEvent(EventKind.Violation, Attacker, 60);
        }
        catch (TimeoutException late)
        {
            throw new TimeoutException($"{late.Message}; the log was looked at {Looks() - looks} times meanwhile", late);
        }
        Workbench.Check(told.Cause == (uint)StopCause.DeviceViolation && told.Detail == 0x1234_5000, $"{(StopCause)told.Cause} at {told.Detail:x} is DeviceViolation at 12345000");
        EventEntry stopped = bench.WaitForEvent(EventKind.Stopped, Attacker);
        Workbench.Check(stopped.Cause == (uint)StopCause.DeviceViolation, $"cause {(StopCause)stopped.Cause} is DeviceViolation");
        Workbench.Pass("a refused access is told and stops its owner");

        bench.WaitFor(Attacker, PartitionState.Stopped);
        lines.Clear();
        ulong before = bench.Device.Header.EventCount;
        image.Start(bench, Attacker, parameters);
        lines.Await("DMA READY");
        neighbour.Begin();
        Console.WriteLine("AWAITS A FULL LOG");
        bench.WaitForEvent(EventKind.Stopped, Attacker, 60);
        EventEntry[] events = [.. Enumerable.Range(1, (int)(bench.Device.Header.EventCount - before)).Select(i => bench.Device.Event(before + (ulong)i)).OfType<EventEntry>()];
        Workbench.Check(events.Count(item => item.Kind == (uint)EventKind.Violation) == 1 && events.Count(item => item.Kind == (uint)EventKind.DeviceRefused) == 1 && events.Length == 4, $"started, violation, refused, stopped: {string.Join(' ', events.Select(item => $"{(EventKind)item.Kind}"))}");
        neighbour.Check("a full event log");
        Workbench.Pass("a full log is told once and harms nobody");

        // With every NMI of partition 0's core.
        ulong Looks() => bench.Exits(0)[(int)ExitCounter.Nmi];
    }

    private static void Cases(Workbench bench, AttackerImage image, Parameters parameters, ConsoleLines lines)
    {
        image.Start(bench, Attacker, parameters with { Mode = PayloadMode.Cases, Argument = (uint)CaseGroup.Devices });
        (int good, int bad) = AttackScenarios.Count(bench, lines, nameof(CaseGroup.Devices));
        AttackScenarios.StopIt(bench);
        Workbench.Check(bad == 0 && good == AllCases, $"all {AllCases} cases are ok, {good} are and {bad} are not");
        Workbench.Pass("configuration space and messages of a function reach nothing of others");
    }

    /// <summary>The controller writes all over the partition's memory while it is stopped: none of that arrives after the scrub.</summary>
    private static void StopDuringDma(Workbench bench, AttackerImage image, Parameters parameters, ConsoleLines lines)
    {
        var random = new Random(Stops);
        for (int i = 0; i < Stops; i++)
        {
            lines.Clear();
            image.Start(bench, Attacker, parameters with { Mode = PayloadMode.Dma, Argument = (uint)DmaKind.Stream });
            lines.Await("DMA READY");
            Thread.Sleep(random.Next(20));
            AttackScenarios.StopIt(bench);
            bench.Device.Request.Argument = 1;
            bench.Device.Request.WindowAddress = 0;
            bench.Execute(ControlOperation.Load, Attacker);
            for (int look = 0; look < 2; look++)
            {
                int found = bench.Device.Window(0, (int)Mebibytes << 20).IndexOfAnyExcept((byte)0);
                Workbench.Check(found < 0, $"stop {i}: the memory is clear, there is something at {found:x}");
                Thread.Sleep(10);
            }
        }
        Workbench.Pass("a stop during DMA leaves clean memory");
    }

    /// <summary>Every kind of access to everything that is not the partition's harms nobody, and stops the partition where it is told.</summary>
    private static void Refused(Workbench bench, AttackerImage image, Parameters parameters, ConsoleLines lines, Neighbour neighbour, bool told)
    {
        MemoryExtent management = bench.Device.Extents(0)[1], next = bench.Device.Extents(1)[0];
        (string Name, ulong Address)[] targets =
        [
            ("the byte behind its memory", Mebibytes << 20), ("the neighbour", next.HostAddress + (1 << 20)), ("partition 0", management.HostAddress + (8 << 20)),
            ("the control device", 0xE000_0000), ("the IOMMU", 0xFED8_0000), ("the top of memory below 4 GiB", 0x3FE0_0000),
            ("beyond all memory", 0x70_0000_0000), ("beyond the tables", 0xFF_FFFF_F000),
        ];
        foreach (DmaKind kind in (DmaKind[])[DmaKind.Data, DmaKind.SecondPage, DmaKind.Commands, DmaKind.Completions])
        {
            foreach ((string name, ulong address) in targets)
            {
                lines.Clear();
                image.Start(bench, Attacker, parameters with { Mode = PayloadMode.Dma, Argument = (uint)kind, Target = address });
                if (told)
                {
                    StoppedForIt(bench, $"{kind} at {name}");
                    continue;
                }
                lines.Await("DMA READY");
                Console.WriteLine($"{kind} at {name}: {lines.Await("DMA ENDED ")}");
                AttackScenarios.StopIt(bench);
            }
            neighbour.Check($"refused {kind}");
        }
        Workbench.Pass("accesses of a device beyond its owner's memory harm nobody");
        if (told) Workbench.Pass("every access of a device beyond its owner's memory is told and stops the owner");
    }

    private static void StoppedForIt(Workbench bench, string what)
    {
        List<EventEntry> events = bench.EventsUntil(EventKind.Stopped, Attacker, 60);
        bench.WaitFor(Attacker, PartitionState.Stopped);
        EventEntry[] violations = [.. events.Where(item => item.Kind == (uint)EventKind.Violation)];
        bool once = violations.Length == 1 && violations[0].Cause == (uint)StopCause.DeviceViolation && events[^1].Cause == (uint)StopCause.DeviceViolation;
        Workbench.Check(once, $"{what} is told once, and stops the partition: {string.Join(' ', events.Select(item => $"{(EventKind)item.Kind}/{(StopCause)item.Cause}"))}");
    }
}
