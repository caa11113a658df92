using Osv.Data.Lifecycles;

namespace Osv.Scheduler.Tenants;

/// <summary>A state on the way, as the timeline will show it.</summary>
/// <param name="Within">Time until it counts as stalled; null in steady states.</param>
/// <param name="LookAfter">Time until it is looked at again without a hint; null: only when something changes.</param>
public sealed record StateChange(TenantState State, string Reason, string Owner, TimeSpan? Within, TimeSpan? LookAfter);

/// <summary>What is to be done about a tenant.</summary>
public abstract record TenantStep
{
    /// <summary>The timeline now shows so many of the agent's restarts; null: as many as before.</summary>
    public int? Follows { get; init; }

    /// <summary>The timeline now shows the agent's reboots up to this one; null: as before.</summary>
    public int? FollowsReboots { get; init; }
}

/// <summary>It stays where it is; the reason says what it waits for.</summary>
public sealed record Stay(string Reason, TimeSpan? LookAfter) : TenantStep;

/// <summary>It waits for a place: the placer's matter.</summary>
public sealed record FindPlace : TenantStep;

/// <summary>It goes through these states at once and keeps its place.</summary>
public sealed record Move(params IReadOnlyList<StateChange> Changes) : TenantStep
{
    /// <summary>Counts as a restart.</summary>
    public bool Restart { get; init; }

    /// <summary>The owner started it anew: restarts count from zero.</summary>
    public bool ForgetRestarts { get; init; }

    /// <summary>The agent is asked to start it again.</summary>
    public bool AskReboot { get; init; }

    /// <summary>It is given up: it is not to run until the owner says so again.</summary>
    public bool GiveUp { get; init; }

    /// <summary>The node is noted as one where a start failed.</summary>
    public bool BlameNode { get; init; }
}

/// <summary>It is proven not to run: its place is freed.</summary>
/// <param name="State">Pending, Stopped or Failed.</param>
public sealed record Release(TenantState State, string Reason) : TenantStep
{
    public bool Restart { get; init; }

    public bool GiveUp { get; init; }
}

/// <summary>It owns nothing and is not wanted any more.</summary>
public sealed record Delete : TenantStep;
