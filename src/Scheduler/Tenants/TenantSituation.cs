using Osv.Data.Lifecycles;
using Osv.Data.Tenants;

namespace Osv.Scheduler.Tenants;

/// <summary>How far a node can be relied on.</summary>
public enum NodeStanding
{
    Reachable,
    /// <summary>Its lease may still hold, so its tenants may run.</summary>
    Lost,
    /// <summary>Its lease is over for so long that whatever does not run on without one has stopped.</summary>
    Fenced,
    /// <summary>Somebody who knows has reported that the machine is off: nothing runs.</summary>
    Off,
    /// <summary>It has booted since the tenant got its place: what ran there is gone.</summary>
    Booted,
}

/// <summary>The place a tenant owns.</summary>
public sealed record PlaceFacts(Guid NodeId, string Node, long Fence, NodeStanding Standing);

/// <summary>What was last seen of a tenant in its present place. What was seen of earlier places is not given.</summary>
/// <param name="Reboots">The last reboot that the agent acted on.</param>
/// <param name="EndCause">Why it ended, in the monitor's words, or why it does not run yet, in the agent's; null while it runs.</param>
public sealed record Observation(PartitionPhase Phase, int Reboots, string? EndCause)
{
    /// <summary>The last reboot that the timeline shows.</summary>
    public int RebootsFollowed { get; init; }

    /// <summary>How often its agent has started it again by its policy.</summary>
    public int Restarts { get; init; }

    /// <summary>How many of these the timeline shows.</summary>
    public int RestartsFollowed { get; init; }

    /// <summary>How it last ended; null: not yet.</summary>
    public string? LastEnd { get; init; }

    /// <summary>It ended by itself and not by its own wish.</summary>
    public bool Failed => EndCause is not (null or "None" or "Requested" or "PowerOff");

    /// <summary>It ended by itself.</summary>
    public bool EndedByItself => EndCause is not (null or "None" or "Requested");
}

/// <summary>Everything that decides what becomes of a tenant, read in one moment.</summary>
public sealed record TenantSituation
{
    public required Guid Id { get; init; }

    public required string Name { get; init; }

    public required TenantState State { get; init; }

    /// <summary>The present reason.</summary>
    public string Reason { get; init; } = "";

    /// <summary>How long it has been in its state.</summary>
    public TimeSpan Since { get; init; }

    /// <summary>The deadline of the state has passed.</summary>
    public bool Overdue { get; init; }

    public required TenantIntent Intent { get; init; }

    /// <summary>Who said so last.</summary>
    public string ChangedBy { get; init; } = "";

    /// <summary>Reboots asked for.</summary>
    public int Reboots { get; init; }

    public RestartPolicy Policy { get; init; }

    public bool RunsOnWithoutLease { get; init; }

    /// <summary>How often it crashed within the window, the present crash included.</summary>
    public int Crashes { get; init; }

    /// <summary>How often its place was given up before it ran, within the window.</summary>
    public int FailedStarts { get; init; }

    /// <summary>Null: it owns no place.</summary>
    public PlaceFacts? Place { get; init; }

    /// <summary>Of the request that it follows from; null: none. No decision rests on it.</summary>
    public string? TraceParent { get; init; }

    /// <summary>Null: the agent has not reported on this place, or not since its node came back.</summary>
    public Observation? Seen { get; init; }

    /// <summary>A watcher says that its cores make no progress; null: none.</summary>
    public string? Hung { get; init; }

    /// <summary>A health report that forbids changes; null: none.</summary>
    public string? Frozen { get; init; }
}
