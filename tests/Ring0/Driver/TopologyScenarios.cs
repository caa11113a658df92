using Osv.Contracts.ControlDevice;

namespace Osv.Ring0.Driver;

/// <summary>Partitions of every shape: many, large, over several NUMA cells, with SMT siblings, with cores that come and go.</summary>
internal static class TopologyScenarios
{
    /// <summary>Eight tenants at once, one core each, as in the papers.</summary>
    public static void Eight(Workbench bench)
    {
        uint[] free = bench.FreeCores;
        for (uint partition = 1; partition <= 8; partition++) bench.Create(partition, [free[partition - 1]], bench.TakeMemory(128));
        for (uint partition = 1; partition <= 8; partition++) bench.Start(partition, Scenarios.CommandLine);
        for (uint partition = 1; partition <= 8; partition++) bench.WaitForConsole(partition, "LOADS DONE", 240);
        for (uint partition = 1; partition <= 8; partition++) bench.Type(partition, "alive");
        for (uint partition = 1; partition <= 8; partition++) bench.WaitForConsole(partition, "ALIVE");
        Workbench.Pass("eight unmodified kernels run at once");
    }

    /// <summary>One partition with cores and memory in two NUMA cells sees two nodes.</summary>
    public static void Cells(Workbench bench)
    {
        uint[] free = bench.FreeCores;
        Workbench.Check(bench.Device.Header.CellCount == 2, $"the node has 2 cells, the table says {bench.Device.Header.CellCount}");
        uint first = free.First(core => CellOf(bench, core) == 0), second = free.First(core => CellOf(bench, core) == 1);
        MemoryExtent[] memory = [bench.TakeMemoryOfCell(0, 256, 0), bench.TakeMemoryOfCell(1, 256, 256 << 20)];
        bench.CreateInCells(1, [first, second], [0, 1], memory, [0, 1]);
        bench.Start(1, Scenarios.CommandLine);
        bench.WaitForConsole(1, "LOADS DONE", 120);
        bench.Type(1, "cells");
        string cells = bench.WaitForConsole(1, "CELLS END");
        Workbench.Check(cells.Contains("CELL 0 cpus 0 ", StringComparison.Ordinal) && cells.Contains("CELL 1 cpus 1 ", StringComparison.Ordinal), $"one core in each cell: {cells}");
        bench.Type(1, "fill 300");
        bench.WaitForConsole(1, $"FILLED {300 << 20}");
        Workbench.Pass("a partition over two cells has two NUMA nodes, each with its core and memory");
    }

    /// <summary>APIC ids above 255, which neither a legacy interrupt message nor an 8-bit destination can name.</summary>
    public static void HighIds(Workbench bench)
    {
        uint[] free = bench.FreeCores;
        uint[] cores = [free[^1], free[^2]];
        Workbench.Check(cores.All(core => core > 255), $"the node has cores beyond id 255; the last are {cores[0]} and {cores[1]}");
        ControlHeader header = bench.Device.Header;
        Workbench.Check(header.HasIommu == 1, "the header says that AMD-Vi confines the node's devices");
        Workbench.Pass("the node's IOMMU is told");
        bench.Create(1, cores, bench.TakeMemory(256));
        bench.Start(1, Scenarios.CommandLine);
        string console = bench.WaitForConsole(1, "LOADS DONE", 240);
        Workbench.Check(console.Contains("nproc=2", StringComparison.Ordinal), $"two processors: {console}");
        bench.Type(1, "alive");
        bench.WaitForConsole(1, "ALIVE");
        Workbench.Pass("cores with APIC ids above 255 run a partition and take its console interrupt");
    }

    private static uint CellOf(Workbench bench, uint apicId)
    {
        foreach (CoreEntry core in bench.Device.Cores)
        {
            if (core.ApicId == apicId) return core.Cell;
        }
        throw new InvalidOperationException($"no core has APIC id {apicId}");
    }

    /// <summary>A node with two threads a core: they go together or not at all. The partition has 2 GiB in whole gibibytes.</summary>
    public static void Siblings(Workbench bench)
    {
        uint[] free = bench.FreeCores;
        Workbench.Check(free.Length == 4, $"partition 0 took both threads of its core; free are {string.Join(' ', free)}");
        MemoryExtent[] memory = [bench.TakeWholeGibibytes(2)];
        bench.FillCreate(1, [free[0]], memory);
        ControlStatus status = bench.Device.TryExecute(ControlOperation.Create, out _);
        Workbench.Check(status == ControlStatus.SiblingsSplit, $"one thread of a core is refused as SiblingsSplit, got {status}");
        status = Try(bench, [free[0], free[2]], memory);
        Workbench.Check(status == ControlStatus.SiblingsSplit, $"threads of two cores are refused as SiblingsSplit, got {status}");
        Workbench.Pass("SMT siblings are never split");
        bench.Create(1, [free[0], free[1]], memory);
        bench.Start(1, Scenarios.CommandLine);
        string console = bench.WaitForConsole(1, "LOADS DONE", 120);
        Workbench.Check(console.Contains("nproc=2", StringComparison.Ordinal), $"two processors: {console}");
        bench.Type(1, "fill 1500");
        bench.WaitForConsole(1, $"FILLED {1500 << 20}");
        Workbench.Pass("a partition of whole gibibytes uses them");
    }

    private static ControlStatus Try(Workbench bench, uint[] cores, MemoryExtent[] memory)
    {
        bench.FillCreate(1, cores, memory);
        return bench.Device.TryExecute(ControlOperation.Create, out _);
    }

    /// <summary>Eight cores; seven of them are taken down and brought up again by the guest.</summary>
    public static void Hotplug(Workbench bench)
    {
        bench.Create(1, bench.FreeCores, bench.TakeMemory(512));
        bench.Start(1, Scenarios.CommandLine);
        string console = bench.WaitForConsole(1, "LOADS DONE", 240);
        Workbench.Check(console.Contains("nproc=8", StringComparison.Ordinal), $"eight processors: {console}");
        for (int round = 0; round < 2; round++)
        {
            for (int cpu = 1; cpu < 8; cpu++)
            {
                bench.Type(1, $"offline {cpu}");
                bench.WaitForConsole(1, $"OFF {cpu} left 0{(cpu == 7 ? "\r" : cpu == 6 ? ",7\r" : $",{cpu + 1}-7\r")}");
            }
            bench.ProbeFor(1, milliseconds: 1500);
            Workbench.Check(!bench.HasEvent(EventKind.Hung, 1), "a core that is offline is not taken for a hanging one");
            for (int cpu = 1; cpu < 8; cpu++)
            {
                bench.Type(1, $"online {cpu}");
                bench.WaitForConsole(1, $"ON {cpu} now 0-{cpu}\r");
            }
        }
        Workbench.Pass("cores go offline and come back");
    }
}
