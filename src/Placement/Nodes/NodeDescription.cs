using System.Collections.Immutable;
using Osv.Contracts.ControlDevice;

namespace Osv.Placement.Nodes;

/// <summary>Whether a node takes new tenants.</summary>
public enum NodeState : byte
{
    Ready = 0,
    /// <summary>An operator keeps new tenants away; those that run stay.</summary>
    Cordoned = 1,
    /// <summary>Tenants are leaving or have left.</summary>
    Drained = 2,
    /// <summary>Its heartbeat is missing.</summary>
    Lost = 3,
    /// <summary>A health report prevents placement.</summary>
    Quarantined = 4,
}

/// <summary>One hardware thread, as in the monitor's core table. Threads with one physical core number always go together.</summary>
public readonly record struct ThreadDescription(uint ApicId, uint Cell, uint CacheDomain, uint PhysicalCore);

/// <summary>An entry of the monitor's memory table, in units of 2 MiB. An extent never crosses its ends.</summary>
public readonly record struct MemoryRange(int StartUnit, int Units, uint Cell);

/// <summary>Identical PCI functions near one NUMA cell, as a count.</summary>
public readonly record struct DeviceDescription(string Class, uint Cell, int Count);

/// <summary>A node as it was discovered: what it has before any tenant.</summary>
public sealed record NodeDescription
{
    public required string Name { get; init; }
    public required ImmutableArray<ThreadDescription> Threads { get; init; }
    public required ImmutableArray<MemoryRange> Memory { get; init; }
    public ImmutableArray<DeviceDescription> Devices { get; init; } = [];
    public string Rack { get; init; } = "";
    public string PowerDomain { get; init; } = "";
    public ImmutableDictionary<string, string> Labels { get; init; } = ImmutableDictionary<string, string>.Empty;
    public NodeState State { get; init; }
    /// <summary>Starts that failed here lately: such a node is chosen last.</summary>
    public int RecentFailures { get; init; }
    /// <summary>Bytes of images that its management partition can hold at once: a tenant's image comes to the node before it boots.</summary>
    public long ImageRoom { get; init; } = long.MaxValue;
    /// <summary>APIC ids of the management partition.</summary>
    public ImmutableArray<uint> ManagementThreads { get; init; } = [];
    public ImmutableArray<MemoryExtent> ManagementMemory { get; init; } = [];
}
