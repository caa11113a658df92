using Osv.Placement.Bench.Trace;
using Osv.Placement.Nodes;
using Osv.Placement.Requests;

namespace Osv.Placement.Bench;

/// <summary>The node that benchmarks use: two cells of six cache domains of eight cores with two threads, 192 GiB and eight nics each.</summary>
internal static class Machines
{
    public const int Cells = 2, DomainsPerCell = 6, CoresPerDomain = 8, Cores = Cells * DomainsPerCell * CoresPerDomain;
    public const int GibibytesPerCell = 192, Gibibytes = Cells * GibibytesPerCell, NicsPerCell = 8;
    private const int NodesPerRack = 40, RacksPerPowerDomain = 10;

    public static NodeDescription Node(int number) => new()
    {
        Name = $"n{number:D5}",
        Rack = $"r{number / NodesPerRack}",
        PowerDomain = $"p{number / NodesPerRack / RacksPerPowerDomain}",
        Threads =
        [
            .. from core in Enumerable.Range(0, Cores)
               from thread in Enumerable.Range(0, 2)
               select new ThreadDescription((uint)(core * 2 + thread), (uint)(core / (DomainsPerCell * CoresPerDomain)), (uint)(core / CoresPerDomain), (uint)core),
        ],
        Memory = [.. Enumerable.Range(0, Cells).Select(cell => new MemoryRange((1 + cell * 512) * PartitionLimits.UnitsPerGibibyte, GibibytesPerCell * PartitionLimits.UnitsPerGibibyte, (uint)cell))],
        Devices = [.. Enumerable.Range(0, Cells).Select(cell => new DeviceDescription("nic", (uint)cell, NicsPerCell))],
    };

    public static Fleet Fleet(int nodes) => new(Enumerable.Range(0, nodes).Select(Node), []);

    public static PlacementRequest Request(string name, VmType type) => new()
    {
        Tenant = name,
        Cores = Math.Max(1, (int)Math.Round(type.Core * Cores)),
        MemoryUnits = Math.Max(1, (int)Math.Round(type.Memory * Gibibytes * PartitionLimits.UnitsPerGibibyte)),
        Numa = NumaPolicy.OneCell,
        Alternatives = 0,
    };
}
