namespace Osv.Data.Lifecycles;

/// <summary>Where a node stands.</summary>
public enum NodeState
{
    /// <summary>It asked for a boot script; nothing is known but its identity.</summary>
    Discovered,
    /// <summary>Its agent reported an inventory and waits for an operator, or for its pre-registered serial to be matched.</summary>
    PendingApproval,
    Ready,
    /// <summary>Takes no new tenants and waits for the present ones to leave.</summary>
    Draining,
    Drained,
    /// <summary>No heartbeat for longer than its lease.</summary>
    Lost,
    /// <summary>Withdrawn because of its health or its identity; an operator must look at it.</summary>
    Quarantined,
    /// <summary>Final.</summary>
    Retired,
}

/// <summary>The lifecycle of a node.</summary>
public static class NodeStates
{
    /// <remarks>A node that boots again is Lost first: what ran on it is gone, and that must be seen before it counts as new.</remarks>
    public static StateMachine<NodeState> Machine { get; } = new(
        "node",
        NodeState.Discovered,
        [NodeState.Ready, NodeState.Drained, NodeState.Lost, NodeState.Quarantined, NodeState.Retired],
        new Dictionary<NodeState, NodeState[]>
        {
            [NodeState.Discovered] = [NodeState.PendingApproval, NodeState.Lost, NodeState.Quarantined, NodeState.Retired],
            [NodeState.PendingApproval] = [NodeState.Ready, NodeState.Lost, NodeState.Quarantined, NodeState.Retired],
            [NodeState.Ready] = [NodeState.Draining, NodeState.Lost, NodeState.Quarantined],
            [NodeState.Draining] = [NodeState.Drained, NodeState.Ready, NodeState.Lost, NodeState.Quarantined],
            [NodeState.Drained] = [NodeState.Ready, NodeState.Lost, NodeState.Quarantined, NodeState.Retired],
            [NodeState.Lost] = [NodeState.Discovered, NodeState.Ready, NodeState.Draining, NodeState.Drained, NodeState.Quarantined, NodeState.Retired],
            [NodeState.Quarantined] = [NodeState.PendingApproval, NodeState.Drained, NodeState.Lost, NodeState.Retired],
            [NodeState.Retired] = [],
        });
}
