namespace Osv.Data.Projects;

/// <summary>Who shares tenants, images and a quota.</summary>
public sealed class Project : IVersioned
{
    public required Guid Id { get; init; }

    public required string Name { get; set; }

    public required DateTimeOffset CreatedAt { get; init; }

    public uint RowVersion { get; private set; }
}

/// <summary>What a member may do in a project.</summary>
public enum ProjectRole
{
    Viewer,
    Member,
    Owner,
}

/// <summary>Membership of a user in a project.</summary>
public sealed class ProjectMember : IVersioned
{
    public required Guid ProjectId { get; init; }

    public required Guid UserId { get; init; }

    public required ProjectRole Role { get; set; }

    public required DateTimeOffset AddedAt { get; init; }

    public uint RowVersion { get; private set; }
}

/// <summary>The most a project may own at a time. Null: no limit. Lowering it below the usage takes nothing away; it stops growth.</summary>
public sealed class ProjectQuota : IVersioned
{
    public required Guid ProjectId { get; init; }

    public long? Cores { get; set; }

    public long? MemoryBytes { get; set; }

    public long? Devices { get; set; }

    /// <summary>Tenants that own a place.</summary>
    public long? Placements { get; set; }

    public uint RowVersion { get; private set; }
}

/// <summary>
/// A part of what a project owns: the sum over all shares is its usage. Each connection counts in a share of its own, so that those that place and
/// release for one project do not wait for each other; a share by itself means nothing and may be negative.
/// </summary>
public sealed class ProjectUsageShare
{
    public Guid ProjectId { get; private set; }

    /// <summary>Which connections count here: their backend's process id modulo the number of shares.</summary>
    public short Share { get; private set; }

    public long Cores { get; private set; }

    public long MemoryBytes { get; private set; }

    public long Devices { get; private set; }

    public long Placements { get; private set; }
}

/// <summary>What a project owns: a view. Kept by the database from the allocations themselves, so it cannot drift.</summary>
public sealed class ProjectUsage
{
    public Guid ProjectId { get; private set; }

    public long Cores { get; private set; }

    public long MemoryBytes { get; private set; }

    public long Devices { get; private set; }

    public long Placements { get; private set; }
}
