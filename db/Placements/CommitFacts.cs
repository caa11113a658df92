using Osv.Data.Lifecycles;
using Osv.Data.Nodes;
using Osv.Data.Tenants;

namespace Osv.Data.Placements;

/// <summary>What the database says about everything that a batch of plans touches, read while the rows are locked.</summary>
public sealed class CommitFacts
{
    public Dictionary<Guid, TenantFacts> Tenants { get; } = [];

    public Dictionary<Guid, NodeFacts> Nodes { get; } = [];

    public Dictionary<(Guid NodeId, int ApicId), CoreFacts> Cores { get; } = [];

    public Dictionary<(Guid NodeId, string PciAddress), DeviceFacts> Devices { get; } = [];

    public Dictionary<Guid, ProjectFacts> Projects { get; } = [];

    /// <summary>Domains that the placed members of a group take up.</summary>
    public Dictionary<Guid, List<string>> GroupDomains { get; } = [];
}

/// <summary>A tenant and what it asks for.</summary>
public sealed record TenantFacts(Guid ProjectId, TenantState State, int CoreCount, long MemoryBytes, int NicCount, int DiskCount)
{
    public List<GroupFacts> Groups { get; } = [];
}

/// <summary>A group that a tenant is in.</summary>
public sealed record GroupFacts(Guid GroupId, string Name, GroupRule Rule, GroupScope Scope);

/// <summary>A node; memory is kept here because it is looked up by address.</summary>
public sealed record NodeFacts(Guid NodeId, string Name, string Rack, string PowerDomain, NodeState State)
{
    /// <summary>A health report that forbids placement; null: none.</summary>
    public string? Unhealthy { get; set; }

    public List<MemoryStretch> Blocks { get; } = [];

    /// <summary>Sold memory that overlaps what a plan wants.</summary>
    public List<(MemoryStretch Memory, Guid TenantId)> Sold { get; } = [];

    /// <summary>Name of the node's domain in a scope.</summary>
    public string Domain(GroupScope scope) => scope switch
    {
        GroupScope.Node => NodeId.ToString(),
        GroupScope.Rack => Rack,
        GroupScope.PowerDomain => PowerDomain,
        _ => throw new ArgumentOutOfRangeException(nameof(scope), scope, "no such scope"),
    };
}

/// <summary>A core and who owns it.</summary>
public sealed record CoreFacts(int PhysicalCore, int ThreadsPerCore, bool Reserved)
{
    public Guid? Owner { get; set; }
}

/// <summary>A device and who owns it.</summary>
public sealed record DeviceFacts(DeviceKind Kind, bool Reserved)
{
    public Guid? Owner { get; set; }
}

/// <summary>What a project may own and owns; null: no limit.</summary>
public sealed class ProjectFacts
{
    public long? CoresQuota { get; init; }

    public long? MemoryBytesQuota { get; init; }

    public long? DevicesQuota { get; init; }

    public long? PlacementsQuota { get; init; }

    public long Cores { get; set; }

    public long MemoryBytes { get; set; }

    public long Devices { get; set; }

    public long Placements { get; set; }
}
