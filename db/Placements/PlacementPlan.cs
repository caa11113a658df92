namespace Osv.Data.Placements;

/// <summary>A stretch of a node's memory.</summary>
/// <param name="StartAddress">Host-physical, a multiple of 2 MiB.</param>
/// <param name="SizeBytes">A multiple of 2 MiB, more than zero.</param>
public readonly record struct MemoryStretch(long StartAddress, long SizeBytes)
{
    /// <summary>The first address behind it.</summary>
    public long EndAddress => StartAddress + SizeBytes;

    public bool Overlaps(MemoryStretch other) => StartAddress < other.EndAddress && other.StartAddress < EndAddress;

    public bool Contains(MemoryStretch other) => StartAddress <= other.StartAddress && other.EndAddress <= EndAddress;
}

/// <summary>Exactly what a tenant would get, as a planner proposes it.</summary>
public sealed record PlacementPlan
{
    public required Guid TenantId { get; init; }

    public required Guid NodeId { get; init; }

    public required IReadOnlyList<int> ApicIds { get; init; }

    public required IReadOnlyList<MemoryStretch> Memory { get; init; }

    /// <summary>As 0000:c1:00.0.</summary>
    public IReadOnlyList<string> PciAddresses { get; init; } = [];
}

/// <summary>Why a plan was not committed.</summary>
public enum CommitConflict
{
    /// <summary>The plan contradicts itself: a core twice, overlapping memory, odd sizes.</summary>
    Malformed,
    /// <summary>The tenant is gone, or is not (or no longer) waiting for a place.</summary>
    TenantNotPending,
    /// <summary>The plan gives another number of cores, bytes, NICs or disks than the tenant asks for by now.</summary>
    ShapeChanged,
    /// <summary>The node is gone or does not take tenants.</summary>
    NodeNotReady,
    /// <summary>A health report forbids placement.</summary>
    NodeUnhealthy,
    /// <summary>A core, stretch of memory or device that the node does not have or does not sell.</summary>
    NotOffered,
    CoreTaken,
    /// <summary>Some but not all SMT siblings of a physical core.</summary>
    CoreSplit,
    MemoryTaken,
    DeviceTaken,
    QuotaExceeded,
    /// <summary>Another member of an anti-affinity group is in the domain.</summary>
    AntiAffinity,
    /// <summary>The other members of an affinity group are elsewhere.</summary>
    Affinity,
    /// <summary>Nothing against this plan, but another of the gang that is committed all or none was refused.</summary>
    GangBroken,
}

/// <summary>What became of a plan.</summary>
public abstract record CommitOutcome;

/// <summary>The tenant owns what the plan names, durably.</summary>
/// <param name="Fence">Number of the placement; larger than all before.</param>
public sealed record Committed(long Fence) : CommitOutcome;

/// <summary>Nothing was changed.</summary>
/// <param name="Conflict">What stood against it.</param>
/// <param name="Detail">Names the very core, address, device, quota or group.</param>
public sealed record Refused(CommitConflict Conflict, string Detail) : CommitOutcome;
