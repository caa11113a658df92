using Osv.Data.Lifecycles;
using Osv.Data.Nodes;
using Osv.Data.Tenants;
using Osv.Scheduler.Nodes;
using Osv.Scheduler.Tenants;

namespace Osv.Scheduler.Tests;

/// <summary>The decisions over every situation there can be.</summary>
public sealed class DecisionTests
{
    private static readonly TenantState[] s_withPlace = [.. Enum.GetValues<TenantState>().Except([TenantState.Pending, TenantState.Stopped, TenantState.Failed])];

    [Fact]
    public void Every_step_of_a_tenant_is_a_way_that_the_state_machine_has()
    {
        foreach ((TenantSituation tenant, TenantStep step) in Decisions())
        {
            TenantState at = tenant.State;
            if (step is Release release)
            {
                bool direct = TenantStates.Machine.Allows(at, release.State);
                if (!direct && !(TenantStates.Machine.Allows(at, TenantState.Stopping) && TenantStates.Machine.Allows(TenantState.Stopping, release.State))) Wrong(tenant, step);
            }
            foreach (StateChange change in (step as Move)?.Changes ?? [])
            {
                if (!TenantStates.Machine.Allows(at, change.State) || (TenantStates.Machine.NeedsDeadline(change.State) && change.Within is null)) Wrong(tenant, step);
                at = change.State;
            }
        }
    }

    [Fact]
    public void A_place_is_released_only_on_proof_that_nothing_of_the_tenant_runs()
    {
        int released = 0;
        foreach ((TenantSituation tenant, TenantStep step) in Decisions())
        {
            if (step is not Release) continue;
            released++;
            bool fenced = tenant.State == TenantState.Unreachable && (tenant.Place!.Standing is NodeStanding.Off or NodeStanding.Booted || (tenant.Place.Standing == NodeStanding.Fenced && !tenant.RunsOnWithoutLease));
            bool gone = tenant.Place!.Standing == NodeStanding.Reachable && tenant.Seen?.Phase == PartitionPhase.Absent;
            // It ended by itself, and the agent has been asked for no start that it has not made yet.
            bool ended = tenant.Place.Standing == NodeStanding.Reachable && tenant.Seen is { Phase: PartitionPhase.Stopped, EndedByItself: true } seen && seen.Reboots >= tenant.Reboots;
            if (!fenced && !gone && !ended) Wrong(tenant, step);
        }
        released.ShouldBeGreaterThan(0);
    }

    [Fact]
    public void A_reboot_that_the_timeline_does_not_show_is_shown_or_on_its_way_to_be()
    {
        int shown = 0;
        foreach ((TenantSituation tenant, TenantStep step) in Decisions())
        {
            bool follows = tenant is { Place.Standing: NodeStanding.Reachable, Intent: TenantIntent.Run, Seen: not null } && tenant.State != TenantState.Stopping;
            if (step.FollowsReboots != (follows && tenant.Seen!.Reboots > 0 ? tenant.Seen.Reboots : null)) Wrong(tenant, step);
            if (tenant.State != TenantState.Running || (step as Move)?.Changes[^1].State != TenantState.Running) continue;
            shown++;
            // Whoever waits for the next reboot must not take this one for it.
            if (step is not Move { Restart: false, AskReboot: false } || step.FollowsReboots is null || tenant.Reboots > tenant.Seen!.Reboots) Wrong(tenant, step);
        }
        shown.ShouldBeGreaterThan(0);
    }

    [Fact]
    public void What_is_given_up_is_not_started_by_anybody_but_its_owner()
    {
        var decision = new TenantDecision(new TenantOptions());
        foreach (TenantState state in new[] { TenantState.Stopped, TenantState.Failed })
        {
            var tenant = new TenantSituation { Id = Guid.Empty, Name = "t", State = state, Intent = TenantIntent.Stop, ChangedBy = "scheduler" };
            decision.Decide(tenant).ShouldBeOfType<Stay>().LookAfter.ShouldBeNull();
            decision.Decide(tenant with { Intent = TenantIntent.Run, ChangedBy = "owner" }).ShouldBeOfType<Move>().Changes.Single().State.ShouldBe(TenantState.Pending);
        }
    }

    [Fact]
    public void Every_step_of_a_node_is_a_way_that_the_state_machine_has()
    {
        var decision = new NodeDecision(new NodeOptions());
        bool[] both = [false, true];
        foreach (NodeState state in Enum.GetValues<NodeState>())
        foreach (NodeIntent? intent in new NodeIntent?[] { null, NodeIntent.Serve, NodeIntent.Drain, NodeIntent.Retire })
        foreach (bool present in both)
        foreach (bool missing in both)
        foreach (bool booted in both)
        foreach (bool flag in both)
        foreach (int tenants in new[] { 0, 1 })
        foreach (NodeState? before in new NodeState?[] { null, NodeState.Quarantined, NodeState.Ready })
        {
            var node = new NodeSituation
            {
                Id = Guid.Empty, Name = "n", State = state, Intent = intent, Present = present, Missing = missing, Booted = booted, HasGone = flag, HasInventory = flag, SpokenSince = flag, Tenants = tenants, Before = before, FailedStarts = flag ? 9 : 0,
            };
            if (decision.Decide(node) is not NodeMoves move) continue;
            NodeStates.Machine.Allows(state, move.State).ShouldBeTrue($"{node} {move}");
            if (NodeStates.Machine.NeedsDeadline(move.State)) move.Within.ShouldNotBeNull($"{node} {move}");
            if (move.State is NodeState.Retired or NodeState.Drained && state != NodeState.Discovered && state != NodeState.PendingApproval && state != NodeState.Drained) tenants.ShouldBe(0, $"{node} {move}");
        }
    }

    private static void Wrong(TenantSituation tenant, TenantStep step) => throw new Xunit.Sdk.XunitException($"{tenant} -> {step} {string.Join(" > ", (step as Move)?.Changes.Select(change => change.State.ToString()) ?? [])}");

    private static IEnumerable<(TenantSituation, TenantStep)> Decisions()
    {
        var decision = new TenantDecision(new TenantOptions());
        bool[] both = [false, true];
        foreach (TenantState state in s_withPlace)
        foreach (NodeStanding standing in Enum.GetValues<NodeStanding>())
        foreach (TenantIntent intent in Enum.GetValues<TenantIntent>())
        foreach (RestartPolicy policy in Enum.GetValues<RestartPolicy>())
        foreach (PartitionPhase? phase in Enum.GetValues<PartitionPhase>().Select(phase => (PartitionPhase?)phase).Append(null))
        foreach (string? cause in new[] { null, "Requested", "PowerOff", "TripleFault" })
        foreach (int crashes in new[] { 0, 9 })
        foreach (bool runsOn in both)
        foreach (bool overdue in both)
        foreach (bool unacknowledged in both)
        foreach (int reboots in new[] { 0, 1 })
        foreach (string? hung in new[] { null, "stands still" })
        {
            var tenant = new TenantSituation
            {
                Id = Guid.Empty, Name = "t", State = state, Intent = intent, Policy = policy, RunsOnWithoutLease = runsOn, Overdue = overdue, Crashes = crashes, FailedStarts = crashes, Hung = hung, Reboots = unacknowledged ? reboots + 1 : reboots,
                Place = new PlaceFacts(Guid.Empty, "n", 1, standing), Seen = phase is { } seen ? new Observation(seen, reboots, cause) : null,
            };
            yield return (tenant, decision.Decide(tenant));
        }
    }
}
