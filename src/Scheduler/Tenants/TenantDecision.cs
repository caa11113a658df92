using Osv.Data.Lifecycles;
using Osv.Data.Tenants;

namespace Osv.Scheduler.Tenants;

/// <summary>
/// Decides the next step of a tenant from what is wanted and what was seen. Pure. A place is released only where the situation proves that
/// nothing of the tenant runs any more: the agent says so for this very placement, or the node is fenced.
/// </summary>
public sealed class TenantDecision(TenantOptions options)
{
    /// <summary>Owner of what this module must move on.</summary>
    public const string Scheduler = "scheduler", Agent = "agent";

    public TenantStep Decide(TenantSituation tenant) => tenant.Place is { } place
        ? place.Standing == NodeStanding.Reachable ? Reachable(tenant, place) : Away(tenant, place)
        : Homeless(tenant);

    private TenantStep Homeless(TenantSituation tenant) => (tenant.State, tenant.Intent) switch
    {
        (_, TenantIntent.Delete) => new Delete(),
        (TenantState.Pending, TenantIntent.Run) => new FindPlace(),
        (TenantState.Pending, _) => new Move(new StateChange(TenantState.Stopped, $"not wanted to run, says {tenant.ChangedBy}", Scheduler, null, null)),
        (TenantState.Stopped or TenantState.Failed, TenantIntent.Run) => new Move(new StateChange(TenantState.Pending, $"started by {tenant.ChangedBy}", Scheduler, PlaceWithin, TimeSpan.Zero)) { ForgetRestarts = true },
        (TenantState.Stopped or TenantState.Failed, _) => new Stay(tenant.Reason, null),
        // Only an operator who deletes rows by hand can bring this about.
        _ when TenantStates.Machine.Allows(tenant.State, TenantState.Pending) => new Move(new StateChange(TenantState.Pending, $"was {tenant.State} and its place is gone", Scheduler, PlaceWithin, TimeSpan.Zero)),
        _ => new Move(
            new StateChange(TenantState.Stopping, $"was {tenant.State} and its place is gone", Scheduler, options.StoppingWithin, null),
            new StateChange(TenantState.Pending, "its place is gone", Scheduler, PlaceWithin, TimeSpan.Zero)),
    };

    /// <summary>How long the search for a place may take.</summary>
    public TimeSpan PlaceWithin { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Its node does not answer.</summary>
    private TenantStep Away(TenantSituation tenant, PlaceFacts place)
    {
        bool proven = place.Standing is NodeStanding.Off or NodeStanding.Booted || (place.Standing == NodeStanding.Fenced && !tenant.RunsOnWithoutLease);
        if (tenant.State != TenantState.Unreachable)
        {
            string what = place.Standing == NodeStanding.Booted ? "has booted" : "does not answer";
            return new Move(new StateChange(TenantState.Unreachable, $"{place.Node} {what}; it was {tenant.State}", Scheduler, options.UnreachableWithin, proven ? TimeSpan.Zero : options.LookAgain));
        }
        if (!proven)
        {
            return new Stay(
                place.Standing == NodeStanding.Fenced
                    ? $"runs on without a lease: waits until {place.Node} answers or is reported off"
                    : $"waits until {place.Node} answers or its lease has run out",
                options.LookAgain);
        }
        string why = place.Standing switch
        {
            NodeStanding.Off => $"{place.Node} is off",
            NodeStanding.Booted => $"{place.Node} has booted",
            _ => $"the lease of {place.Node} has run out",
        };
        return tenant switch
        {
            { Intent: not TenantIntent.Run } => new Release(TenantState.Stopped, why),
            { Policy: RestartPolicy.Never } => new Release(TenantState.Failed, $"{why}; its restart policy is Never") { GiveUp = true },
            _ => new Release(TenantState.Pending, $"{why}: looks for another place") { Restart = true },
        };
    }

    private TenantStep Reachable(TenantSituation tenant, PlaceFacts place)
    {
        if (tenant.Frozen is { } report) return new Stay($"changes are prevented by {report}", options.LookAgain);
        if (tenant.Intent != TenantIntent.Run || tenant.State == TenantState.Stopping) return Stop(tenant, place);
        if (tenant.Seen is not { } seen) return Unseen(tenant, place);
        TenantStep step = Follow(tenant, place, seen);
        return seen.Reboots > seen.RebootsFollowed ? step with { FollowsReboots = seen.Reboots } : step;
    }

    /// <summary>The agent has said what it does with it.</summary>
    private TenantStep Follow(TenantSituation tenant, PlaceFacts place, Observation seen)
    {
        if (seen.Restarts > seen.RestartsFollowed && tenant.State != TenantState.Unreachable) return Restarted(tenant, place, seen);
        return seen.Phase switch
        {
            PartitionPhase.Fetching => Advance(tenant, place, TenantState.Loading, seen.EndCause is { } image ? $"{Describe(place, TenantState.Loading)}: {image}" : null),
            PartitionPhase.Loading => Advance(tenant, place, TenantState.Loading, seen.EndCause is { } awaited ? $"{place.Node}: {awaited}" : null),
            PartitionPhase.Creating => Advance(tenant, place, TenantState.Loading),
            PartitionPhase.Starting => Advance(tenant, place, TenantState.Starting),
            PartitionPhase.Running => Running(tenant, place, seen),
            PartitionPhase.Stopping or PartitionPhase.Scrubbing => new Stay($"the agent of {place.Node} stops it to start it again", options.LookAgain),
            // The start that follows is shown already.
            PartitionPhase.BackingOff => Crash(tenant, seen, Agent) with { Follows = seen.Restarts + 1 },
            PartitionPhase.Refused => RefusedByAgent(tenant, place, seen),
            PartitionPhase.Invalid => new Move(Stopping($"it boots on no node, says the agent of {place.Node}: {seen.EndCause ?? "no reason given"}")) { GiveUp = true },
            _ => Ended(tenant, place, seen),
        };
    }

    /// <summary>It is to stop: because the owner wants it, or to leave this place.</summary>
    private TenantStep Stop(TenantSituation tenant, PlaceFacts place)
    {
        if (tenant.Seen is { Phase: PartitionPhase.Absent })
        {
            return tenant.Intent == TenantIntent.Run ? new Release(TenantState.Pending, $"stopped on {place.Node}: {tenant.Reason}")
                : tenant.ChangedBy == Scheduler ? new Release(TenantState.Failed, tenant.Reason)
                : new Release(TenantState.Stopped, $"stopped by {tenant.ChangedBy}");
        }
        if (tenant.State != TenantState.Stopping)
        {
            string verb = tenant.Intent == TenantIntent.Delete ? "deleted" : "stopped";
            return new Move(Stopping($"to be {verb}, says {tenant.ChangedBy}"));
        }
        return new Stay(tenant.Overdue ? Overdue(tenant.Reason, $"the agent of {place.Node} has not stopped it") : tenant.Reason, options.LookAgain);
    }

    private Stay Unseen(TenantSituation tenant, PlaceFacts place)
    {
        string awaited = tenant.State == TenantState.Unreachable ? $"{place.Node} is back: waits for its agent to report on this tenant"
            : tenant.State == TenantState.Placed ? $"placed on {place.Node}: waits for its agent to begin"
            : $"waits for the agent of {place.Node} to report on this tenant";
        return new Stay(tenant.Overdue ? Overdue(awaited, "still nothing was heard") : awaited, options.LookAgain);
    }

    private TenantStep Running(TenantSituation tenant, PlaceFacts place, Observation seen)
    {
        if (tenant.Reboots > seen.Reboots && tenant.State != TenantState.Placed) return new Stay($"waits for the agent of {place.Node} to reboot it", options.LookAgain);
        // Its agent was faster than anybody could see it stop. From every other state the way to Running shows the reboot.
        if (seen.Reboots > seen.RebootsFollowed && tenant.State == TenantState.Running)
        {
            return new Move(Rebooting(), Change(TenantState.Loading, place, null), Change(TenantState.Starting, place, null), Change(TenantState.Running, place, null));
        }
        if (tenant.Hung is not { } hung) return Advance(tenant, place, TenantState.Running);
        if (tenant.State != TenantState.Hung)
        {
            return tenant.State is TenantState.Running or TenantState.Starting or TenantState.Unreachable
                ? new Move(new StateChange(TenantState.Hung, hung, Scheduler, options.HungFor, options.HungFor))
                : Advance(tenant, place, TenantState.Running);
        }
        if (!tenant.Overdue) return new Stay(hung, options.LookAgain);
        return tenant.Policy == RestartPolicy.Never
            ? new Stay($"{hung}; its restart policy is Never: reboot or stop it", null)
            : Crash(tenant, seen, Agent) is Move { GiveUp: false } move ? move with { AskReboot = true } : Crash(tenant, seen, Agent);
    }

    /// <summary>The agent started it again faster than anybody could see it end.</summary>
    private TenantStep Restarted(TenantSituation tenant, PlaceFacts place, Observation seen)
    {
        if (seen.LastEnd is not ("Reset" or "PowerOff")) return Crash(tenant, seen with { EndCause = seen.LastEnd }, Agent) with { Follows = seen.Restarts };
        // Its own reboot is no failure.
        TenantStep step = tenant.State == TenantState.Loading ? new Stay(Describe(place, TenantState.Loading), options.LookAgain) : Advance(tenant, place, TenantState.Loading);
        return step is Move move ? move with { Follows = seen.Restarts, Restart = true } : step with { Follows = seen.Restarts };
    }

    /// <summary>It ended, and the agent does not start it again by itself.</summary>
    private TenantStep Ended(TenantSituation tenant, PlaceFacts place, Observation seen)
    {
        if (tenant.Reboots > seen.Reboots) return new Stay($"waits for the agent of {place.Node} to start it again", options.LookAgain);
        if (!seen.EndedByItself) return new Stay($"waits for the agent of {place.Node} to start it", options.LookAgain);
        bool restarts = tenant.Policy == RestartPolicy.Always || (tenant.Policy == RestartPolicy.OnFailure && seen.Failed);
        if (!restarts)
        {
            return new Release(seen.Failed ? TenantState.Failed : TenantState.Stopped, $"ended by {seen.EndCause}; its restart policy is {tenant.Policy}") { GiveUp = true };
        }
        if (tenant.State != TenantState.Crashed)
        {
            return tenant.Crashes + 1 >= options.MostCrashes ? new Release(TenantState.Failed, Exhausted(tenant, seen)) { GiveUp = true } : Crash(tenant, seen, Scheduler);
        }
        TimeSpan left = BackOff(tenant.Crashes) - tenant.Since;
        return left > TimeSpan.Zero
            ? new Stay(tenant.Reason, left)
            : new Move(new StateChange(TenantState.Loading, $"starts again after {seen.EndCause}", Agent, options.LoadingWithin, options.LookAgain)) { AskReboot = true };
    }

    /// <param name="owner">Who starts it again.</param>
    private TenantStep Crash(TenantSituation tenant, Observation seen, string owner)
    {
        if (tenant.State == TenantState.Crashed) return new Stay(tenant.Reason, options.LookAgain);
        string cause = seen.EndCause ?? tenant.Hung ?? "an unknown cause";
        if (tenant.Crashes + 1 >= options.MostCrashes) return new Move([.. Path(tenant.State, Stopping(Exhausted(tenant, seen)))]) { GiveUp = true };
        TimeSpan wait = BackOff(tenant.Crashes + 1);
        var crashed = new StateChange(TenantState.Crashed, owner == Scheduler ? $"ended by {cause}; starts again in {wait.TotalSeconds:0} s" : $"ended by {cause}; its agent starts it again", owner, wait + options.LoadingWithin, owner == Scheduler ? wait : options.LookAgain);
        return new Move([.. Path(tenant.State, crashed)]) { Restart = true };
    }

    private TenantStep RefusedByAgent(TenantSituation tenant, PlaceFacts place, Observation seen)
    {
        string refusal = $"the agent of {place.Node} refuses it: {seen.EndCause ?? "no reason given"}";
        // It may be a matter of seconds: the partition before it is still being scrubbed.
        if (!tenant.Overdue) return tenant.State == TenantState.Placed ? Advance(tenant, place, TenantState.Loading, refusal) : new Stay(refusal, options.LookAgain);
        return tenant.FailedStarts + 1 >= options.MostCrashes
            ? new Move(Stopping($"{refusal}; {tenant.FailedStarts + 1} starts failed: given up")) { GiveUp = true, BlameNode = true }
            : new Move(Stopping($"{refusal}; to be placed elsewhere")) { BlameNode = true };
    }

    /// <summary>Follows the agent to a state, through those that lie between.</summary>
    private TenantStep Advance(TenantSituation tenant, PlaceFacts place, TenantState to, string? reason = null)
    {
        if (tenant.State == to)
        {
            string present = reason ?? Describe(place, to);
            return new Stay(tenant.Overdue ? Overdue(present, "it takes longer than it should") : present, to == TenantState.Running ? null : options.LookAgain);
        }
        return new Move([.. Through(tenant.State, Change(to, place, reason))]);

        IEnumerable<StateChange> Through(TenantState from, StateChange target)
        {
            if (TenantStates.Machine.Allows(from, target.State)) return [target];
            TenantState? before = target.State switch
            {
                TenantState.Running => TenantState.Starting,
                TenantState.Starting => TenantState.Loading,
                // Running or starting, and now loading again: it was rebooted, by the owner or by itself.
                TenantState.Loading => TenantState.Stopping,
                _ => null,
            };
            if (before is not { } step) throw new InvalidOperationException($"there is no way from {from} to {target.State}");
            return [.. Through(from, step == TenantState.Stopping ? Rebooting() : Change(step, place, null)), target];
        }
    }

    private StateChange Change(TenantState state, PlaceFacts place, string? reason) => state switch
    {
        TenantState.Loading => new(state, reason ?? Describe(place, state), Agent, options.LoadingWithin, options.LookAgain),
        TenantState.Starting => new(state, reason ?? Describe(place, state), Agent, options.StartingWithin, options.LookAgain),
        TenantState.Running => new(state, reason ?? Describe(place, state), Agent, null, null),
        _ => throw new ArgumentOutOfRangeException(nameof(state), state, "no state that an agent leads to"),
    };

    private static string Describe(PlaceFacts place, TenantState state) => state switch
    {
        TenantState.Loading => $"{place.Node} loads its image",
        TenantState.Starting => $"{place.Node} starts it",
        _ => $"runs on {place.Node}",
    };

    /// <summary>Placed and Unreachable tenants that crashed had begun to load before.</summary>
    private IEnumerable<StateChange> Path(TenantState from, StateChange target) => TenantStates.Machine.Allows(from, target.State)
        ? [target]
        : [new StateChange(TenantState.Loading, "had begun to load", Agent, options.LoadingWithin, null), target];

    private StateChange Rebooting() => Stopping("reboots");

    private StateChange Stopping(string reason) => new(TenantState.Stopping, reason, Agent, options.StoppingWithin, options.LookAgain);

    private string Exhausted(TenantSituation tenant, Observation seen) =>
        $"ended by {seen.EndCause ?? tenant.Hung ?? "an unknown cause"}, {tenant.Crashes + 1} times within {options.CrashWindow.TotalMinutes:0} min: given up; start it again when the cause is gone";

    /// <summary>Doubles with every crash.</summary>
    private TimeSpan BackOff(int crashes)
    {
        double seconds = options.FirstRestart.TotalSeconds * Math.Pow(2, Math.Clamp(crashes - 1, 0, 30));
        return seconds > options.LongestRestart.TotalSeconds ? options.LongestRestart : TimeSpan.FromSeconds(seconds);
    }

    /// <summary>Says once that the deadline has passed.</summary>
    private static string Overdue(string reason, string what) => reason.Contains("overdue", StringComparison.Ordinal) ? reason : $"{reason}; overdue: {what}";
}
