using Osv.Data.Lifecycles;

namespace Osv.Data.UnitTests;

public sealed class StateMachineTests
{
    [Fact]
    public void A_tenant_that_goes_well_passes_all_states_in_order() =>
        Walk(TenantStates.Machine, TenantState.Pending, TenantState.Placed, TenantState.Loading, TenantState.Starting, TenantState.Running, TenantState.Stopping, TenantState.Stopped);

    [Fact]
    public void A_node_that_goes_well_passes_all_states_in_order() =>
        Walk(NodeStates.Machine, NodeState.Discovered, NodeState.PendingApproval, NodeState.Ready, NodeState.Draining, NodeState.Drained, NodeState.Retired);

    [Fact]
    public void A_reboot_keeps_the_place() => Walk(TenantStates.Machine, TenantState.Running, TenantState.Stopping, TenantState.Loading, TenantState.Starting, TenantState.Running);

    [Theory]
    [InlineData(TenantState.Running, TenantState.Pending)]
    [InlineData(TenantState.Running, TenantState.Placed)]
    [InlineData(TenantState.Pending, TenantState.Running)]
    [InlineData(TenantState.Stopped, TenantState.Running)]
    [InlineData(TenantState.Hung, TenantState.Pending)]
    public void A_tenant_never_skips_what_makes_it_safe(TenantState from, TenantState to) => TenantStates.Machine.Allows(from, to).ShouldBeFalse();

    [Fact]
    public void Retired_is_the_only_final_state_of_a_node() =>
        Enum.GetValues<NodeState>().Where(state => NodeStates.Machine.Following(state).Count == 0).ShouldBe([NodeState.Retired]);

    [Fact]
    public void No_state_of_a_tenant_is_final() => Enum.GetValues<TenantState>().ShouldAllBe(state => TenantStates.Machine.Following(state).Count > 0);

    [Fact]
    public void Every_state_can_be_reached()
    {
        Reachable(TenantStates.Machine).ShouldBe(Enum.GetValues<TenantState>(), ignoreOrder: true);
        Reachable(NodeStates.Machine).ShouldBe(Enum.GetValues<NodeState>(), ignoreOrder: true);
    }

    [Fact]
    public void No_state_follows_itself()
    {
        TenantStates.Machine.Transitions.ShouldAllBe(pair => pair.From != pair.To);
        NodeStates.Machine.Transitions.ShouldAllBe(pair => pair.From != pair.To);
    }

    [Fact]
    public void States_in_which_something_is_awaited_need_a_deadline()
    {
        TenantStates.Machine.NeedsDeadline(TenantState.Loading).ShouldBeTrue();
        TenantStates.Machine.NeedsDeadline(TenantState.Running).ShouldBeFalse();
        NodeStates.Machine.NeedsDeadline(NodeState.Draining).ShouldBeTrue();
        NodeStates.Machine.NeedsDeadline(NodeState.Ready).ShouldBeFalse();
    }

    private static void Walk<TState>(StateMachine<TState> machine, params TState[] states)
        where TState : struct, Enum
    {
        foreach ((TState from, TState to) in states.Zip(states.Skip(1))) machine.Allows(from, to).ShouldBeTrue($"from {from} to {to}");
    }

    private static HashSet<TState> Reachable<TState>(StateMachine<TState> machine)
        where TState : struct, Enum
    {
        HashSet<TState> reached = [machine.Initial];
        var open = new Queue<TState>(reached);
        while (open.TryDequeue(out TState state))
        {
            foreach (TState next in machine.Following(state).Where(reached.Add)) open.Enqueue(next);
        }
        return reached;
    }
}
