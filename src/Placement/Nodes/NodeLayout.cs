namespace Osv.Placement.Nodes;

/// <summary>A cell: its cache domains as lists of cores, each core a list of APIC ids; its memory with the table entry's number.</summary>
internal sealed record CellLayout(uint Id, IReadOnlyList<IReadOnlyList<uint[]>> Domains, IReadOnlyList<(MemoryRange Range, int Entry)> Memory);

/// <summary>A node's description sorted into cells, domains and cores, and checked.</summary>
internal sealed class NodeLayout
{
    public NodeLayout(NodeDescription node)
    {
        void Require(bool good, string message)
        {
            if (!good) throw new ArgumentException($"node {node.Name}: {message}", nameof(node));
        }

        Require(node.Threads.Select(thread => thread.ApicId).Distinct().Count() == node.Threads.Length, "two threads have one APIC id");
        foreach (IGrouping<uint, ThreadDescription> core in node.Threads.GroupBy(thread => thread.PhysicalCore))
            Require(core.Select(thread => (thread.Cell, thread.CacheDomain)).Distinct().Count() == 1, $"the threads of physical core {core.Key} lie in different cells or cache domains");

        List<(MemoryRange Range, int Entry)> memory = [.. node.Memory.Select((range, entry) => (range, entry)).OrderBy(item => item.range.StartUnit)];
        for (int i = 0; i < memory.Count; i++)
        {
            MemoryRange range = memory[i].Range;
            Require(range.StartUnit >= 0 && range.Units > 0 && range.Units <= PartitionLimits.HostLimitUnit - range.StartUnit, $"memory range {range.StartUnit}+{range.Units} is empty or ends above 2 TiB");
            Require(i == 0 || memory[i - 1].Range.StartUnit + memory[i - 1].Range.Units <= range.StartUnit, $"memory ranges overlap at unit {range.StartUnit}");
        }

        Cells =
        [
            .. node.Threads.Select(thread => thread.Cell)
                .Concat(node.Memory.Select(range => range.Cell))
                .Concat(node.Devices.Select(device => device.Cell))
                .Distinct().Order()
                .Select(id => new CellLayout(
                    id,
                    [
                        .. node.Threads.Where(thread => thread.Cell == id)
                            .GroupBy(thread => thread.CacheDomain).OrderBy(domain => domain.Key)
                            .Select(domain => domain.GroupBy(thread => thread.PhysicalCore).OrderBy(core => core.Key)
                                .Select(core => core.Select(thread => thread.ApicId).Order().ToArray()).ToList()),
                    ],
                    [.. memory.Where(item => item.Range.Cell == id)])),
        ];
        DomainCount = Cells.Sum(cell => cell.Domains.Count);
        CoreCount = Cells.Sum(cell => cell.Domains.Sum(domain => domain.Count));
    }

    public IReadOnlyList<CellLayout> Cells { get; }
    public int DomainCount { get; }
    public int CoreCount { get; }
}
