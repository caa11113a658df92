namespace Osv.Data.Tenants;

/// <summary>What to do when a tenant ends by itself.</summary>
public enum RestartPolicy
{
    Always,
    OnFailure,
    Never,
}

/// <summary>A Linux on cores of its own: what was asked for.</summary>
public sealed class Tenant : IVersioned
{
    public required Guid Id { get; init; }

    public required Guid ProjectId { get; init; }

    /// <summary>Unique in the project.</summary>
    public required string Name { get; set; }

    public required Guid ImageId { get; set; }

    public required int CoreCount { get; set; }

    /// <summary>A multiple of 2 MiB.</summary>
    public required long MemoryBytes { get; set; }

    public int NicCount { get; set; }

    public int DiskCount { get; set; }

    public RestartPolicy RestartPolicy { get; set; } = RestartPolicy.Always;

    /// <summary>The higher, the earlier it is placed and the later it is displaced.</summary>
    public int Priority { get; set; }

    /// <summary>True: it runs on when its node cannot renew its lease. It is then never started elsewhere before the node is known to be off.</summary>
    public bool RunsOnWithoutLease { get; set; }

    public string? SshKey { get; set; }

    public Dictionary<string, string> Labels { get; set; } = [];

    public required DateTimeOffset CreatedAt { get; init; }

    public uint RowVersion { get; private set; }
}

/// <summary>What the owner gives a tenant to act on when it starts. It may hold secrets and is large, so it is not part of the row that everybody reads; no answer contains it.</summary>
public sealed class TenantUserData
{
    /// <summary>Most bytes in UTF-8: all tenants of a node together must fit a message to its agent.</summary>
    public const int MostBytes = 16 << 10;

    public required Guid TenantId { get; init; }

    /// <summary>As it was given.</summary>
    public required string Content { get; init; }
}

/// <summary>What the owner wants of a tenant.</summary>
public enum TenantIntent
{
    Run,
    Stop,
    Delete,
}

/// <summary>Desired state of a tenant.</summary>
public sealed class TenantDesired : IVersioned
{
    public required Guid TenantId { get; init; }

    public required TenantIntent Intent { get; set; }

    /// <summary>Grows by one with every reboot asked for; the agent reboots when it sees a number it has not acted on.</summary>
    public int Reboots { get; set; }

    public required string ChangedBy { get; set; }

    public required DateTimeOffset ChangedAt { get; set; }

    /// <summary>W3C traceparent of the request that last changed it, so that what follows from it is one trace; null: none.</summary>
    public string? TraceParent { get; set; }

    public uint RowVersion { get; private set; }
}

/// <summary>What the agent last reported about a tenant on its node.</summary>
public sealed class TenantObserved
{
    public required Guid TenantId { get; init; }

    public required Guid NodeId { get; init; }

    /// <summary>Name of a <see cref="PartitionPhase"/>.</summary>
    public required string PartitionState { get; set; }

    /// <summary>Number of the partition in the monitor.</summary>
    public required int PartitionNumber { get; set; }

    /// <summary>The placement it was started from; an older number than the placement's is a leftover.</summary>
    public required long Fence { get; set; }

    /// <summary>The last reboot the agent acted on.</summary>
    public int Reboots { get; set; }

    /// <summary>The last of these that the timeline shows: the scheduler's to write. The gateway begins with each place at what its first report says.</summary>
    public int RebootsFollowed { get; set; }

    /// <summary>Why it ended, in the monitor's words, or why it does not run yet, in the agent's; null while it runs.</summary>
    public string? EndCause { get; set; }

    /// <summary>How often the agent has started it again by its policy in this place.</summary>
    public int Restarts { get; set; }

    /// <summary>How many of these the timeline shows: the scheduler's to write. The gateway begins anew at 0 with each place.</summary>
    public int RestartsFollowed { get; set; }

    /// <summary>How it last ended in this place; null: not yet.</summary>
    public string? LastEnd { get; set; }

    public required DateTimeOffset ObservedAt { get; set; }
}

/// <summary>Lifecycle of a tenant.</summary>
public sealed class TenantLifecycle : Lifecycles.Lifecycle<Lifecycles.TenantState>
{
    public required Guid TenantId { get; init; }

    /// <summary>Restarts since the owner last started it.</summary>
    public int Restarts { get; set; }
}

/// <summary>Timeline of a tenant.</summary>
public sealed class TenantTransition : Lifecycles.Transition<Lifecycles.TenantState>
{
    public Guid TenantId { get; private set; }
}

/// <summary>What one watcher says about a tenant.</summary>
public sealed class TenantHealthReport : IVersioned
{
    public required Guid TenantId { get; init; }

    /// <summary>What is watched: "core-progress", "console", ...</summary>
    public required string Source { get; init; }

    public required string Summary { get; set; }

    public bool PreventsStateChanges { get; set; }

    public bool SuppressesAlerts { get; set; }

    public required DateTimeOffset ObservedAt { get; set; }

    public DateTimeOffset? ExpiresAt { get; set; }

    public uint RowVersion { get; private set; }
}
