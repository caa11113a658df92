namespace Osv.Data.Tenants;

/// <summary>What the members of a group want of each other.</summary>
public enum GroupRule
{
    /// <summary>All in one domain.</summary>
    Affinity,
    /// <summary>No two in one domain.</summary>
    AntiAffinity,
}

/// <summary>What counts as one domain.</summary>
public enum GroupScope
{
    Node,
    Rack,
    PowerDomain,
}

/// <summary>Tenants that must be together or apart. Required rules only: a preference is the planner's matter and binds nobody.</summary>
public sealed class PlacementGroup
{
    public required Guid Id { get; init; }

    public required Guid ProjectId { get; init; }

    /// <summary>Unique in the project.</summary>
    public required string Name { get; init; }

    public required GroupRule Rule { get; init; }

    public required GroupScope Scope { get; init; }
}

/// <summary>Membership of a tenant in a group.</summary>
public sealed class PlacementGroupMember
{
    public required Guid GroupId { get; init; }

    public required Guid TenantId { get; init; }
}

/// <summary>The domain that a placed member takes up. Constraints on this table make the group's rule hold whoever writes.</summary>
public sealed class PlacementGroupClaim
{
    public required Guid GroupId { get; init; }

    public required Guid TenantId { get; init; }

    /// <summary>Copy of the group's rule; a foreign key keeps it true.</summary>
    public required GroupRule Rule { get; init; }

    /// <summary>Id of the node, or name of the rack or power domain.</summary>
    public required string Domain { get; init; }
}
