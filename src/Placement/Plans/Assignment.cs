using System.Collections.Immutable;
using Osv.Contracts.ControlDevice;

namespace Osv.Placement.Plans;

/// <summary>An extent as the monitor's Create takes it, and the NUMA cell it lies in.</summary>
public readonly record struct CellExtent(MemoryExtent Extent, uint Cell);

/// <summary>Functions of a class to take from those of one NUMA cell.</summary>
public readonly record struct DeviceGrant(string Class, uint Cell, int Count);

/// <summary>What a partition gets on one node, complete enough to be given to the monitor as it stands.</summary>
public sealed record Assignment
{
    public required string Node { get; init; }
    /// <summary>Hardware threads, the boot core first, threads of one core next to each other.</summary>
    public required ImmutableArray<uint> Threads { get; init; }
    /// <summary>In guest order: the first lies at guest address 0 and is the largest.</summary>
    public required ImmutableArray<CellExtent> Memory { get; init; }
    public ImmutableArray<DeviceGrant> Devices { get; init; } = [];
    /// <summary>Cells that cores come from, and how many cache domains.</summary>
    public ImmutableArray<uint> Cells { get; init; } = [];
    public int CacheDomains { get; init; }
}
