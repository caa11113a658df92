using Osv.Data.Lifecycles;
using Osv.Data.Nodes;

namespace Osv.Scheduler.Nodes;

/// <summary>Everything that decides what becomes of a node, read in one moment.</summary>
public sealed record NodeSituation
{
    public required Guid Id { get; init; }

    public required string Name { get; init; }

    public required NodeState State { get; init; }

    public string Reason { get; init; } = "";

    /// <summary>Null: nobody has let it into the fleet yet.</summary>
    public NodeIntent? Intent { get; init; }

    public string ChangedBy { get; init; } = "";

    /// <summary>The operator spoke after the node came into its state.</summary>
    public bool SpokenSince { get; init; }

    /// <summary>Its agent has reported what it has.</summary>
    public bool HasInventory { get; init; }

    /// <summary>Its lease holds.</summary>
    public bool Present { get; init; }

    /// <summary>Its lease has run out, or it was never heard within the time allowed.</summary>
    public bool Missing { get; init; }

    /// <summary>Another boot of its monitor was heard first after it came into its state. That somebody asked for its boot script is no sign: whoever knows its numbers can.</summary>
    public bool Booted { get; init; }

    /// <summary>Tenants have places on it that they were given before its last boot.</summary>
    public bool HasGone { get; init; }

    /// <summary>Of a lost node: what it was before.</summary>
    public NodeState? Before { get; init; }

    /// <summary>Tenants that own a place on it.</summary>
    public int Tenants { get; init; }

    /// <summary>Tenants whose start failed on it lately.</summary>
    public int FailedStarts { get; init; }

    /// <summary>A health report that forbids changes; null: none.</summary>
    public string? Frozen { get; init; }
}

/// <summary>What is to be done about a node.</summary>
public abstract record NodeStep;

/// <summary>It stays where it is.</summary>
public sealed record NodeStays(string Reason) : NodeStep;

/// <summary>It stays Draining, and tenants are to be moved off it.</summary>
public sealed record NodeDrains : NodeStep;

/// <param name="Within">Time until it counts as stalled; null in steady states.</param>
public sealed record NodeMoves(NodeState State, string Reason, string Owner, TimeSpan? Within) : NodeStep;

/// <summary>Decides the next step of a node. Pure.</summary>
public sealed class NodeDecision(NodeOptions options)
{
    private const string Scheduler = "scheduler", Operator = "operator";

    public NodeStep Decide(NodeSituation node)
    {
        // That a node is away is a fact, whatever a report says about changes.
        if (node.State is NodeState.PendingApproval or NodeState.Ready or NodeState.Draining or NodeState.Drained or NodeState.Quarantined)
        {
            if (node.Booted) return new NodeMoves(NodeState.Lost, "it has booted again: what ran on it is gone", Scheduler, null);
            if (node.Missing) return new NodeMoves(NodeState.Lost, "its lease has run out without a heartbeat", Scheduler, null);
        }
        if (node.Frozen is { } report) return new NodeStays($"changes are prevented by {report}");
        return node.State switch
        {
            NodeState.Discovered => Discovered(node),
            NodeState.PendingApproval => node.Intent switch
            {
                NodeIntent.Retire => Retired(node),
                null => new NodeStays(node.Reason),
                _ => new NodeMoves(NodeState.Ready, $"approved by {node.ChangedBy}", Scheduler, null),
            },
            NodeState.Ready => node.FailedStarts >= options.QuarantineAfter
                ? new NodeMoves(NodeState.Quarantined, $"the starts of {node.FailedStarts} tenants failed on it within {options.FailureMemory.TotalMinutes:0} min: look at it, then approve it anew", Operator, null)
                : node.Intent is NodeIntent.Drain or NodeIntent.Retire ? Drain(node) : new NodeStays(node.Reason),
            NodeState.Draining => node.Intent == NodeIntent.Serve ? new NodeMoves(NodeState.Ready, $"drain cancelled by {node.ChangedBy}", Scheduler, null)
                : node.Tenants > 0 ? new NodeDrains()
                : new NodeMoves(NodeState.Drained, "no tenant is left on it", Scheduler, null),
            NodeState.Drained => node.Intent switch
            {
                NodeIntent.Serve => new NodeMoves(NodeState.Ready, $"uncordoned by {node.ChangedBy}", Scheduler, null),
                NodeIntent.Retire => Retired(node),
                _ => new NodeStays(node.Reason),
            },
            NodeState.Lost => Lost(node),
            NodeState.Quarantined => node switch
            {
                { Intent: NodeIntent.Retire, Tenants: 0 } => Retired(node),
                { Intent: NodeIntent.Drain, Tenants: 0 } => new NodeMoves(NodeState.Drained, "no tenant is left on it", Scheduler, null),
                { Intent: NodeIntent.Serve, SpokenSince: true } => new NodeMoves(NodeState.PendingApproval, $"approved anew by {node.ChangedBy}", Scheduler, options.ApprovalWithin),
                _ => new NodeStays(node.Reason),
            },
            _ => new NodeStays(node.Reason),
        };
    }

    private NodeStep Discovered(NodeSituation node) => node switch
    {
        { Intent: NodeIntent.Retire } => Retired(node),
        { HasInventory: true, Present: true, Intent: null } => new NodeMoves(NodeState.PendingApproval, "reported what it has: approve it", Operator, options.ApprovalWithin),
        { HasInventory: true, Present: true } => new NodeMoves(NodeState.PendingApproval, "reported what it has; its serial number was registered before", Scheduler, options.ApprovalWithin),
        _ => new NodeStays(node.Reason),
    };

    private NodeStep Lost(NodeSituation node)
    {
        if (node.Intent == NodeIntent.Retire && node.Tenants == 0) return Retired(node);
        // What ran on it before is seen to be gone first.
        if (!node.Present || node.HasGone) return new NodeStays(node.Reason);
        return node.Before == NodeState.Quarantined ? new NodeMoves(NodeState.Quarantined, "heard again; it was quarantined before", Operator, null)
            : node.Intent switch
            {
                null => new NodeMoves(NodeState.Discovered, "heard again; it was never approved", Operator, options.ApprovalWithin),
                NodeIntent.Serve => new NodeMoves(NodeState.Ready, "heard again", Scheduler, null),
                _ => Drain(node),
            };
    }

    private NodeMoves Drain(NodeSituation node) => new(NodeState.Draining, node.Intent == NodeIntent.Retire ? $"retired by {node.ChangedBy}: drains first" : $"drained by {node.ChangedBy}", Scheduler, options.DrainWithin);

    private static NodeMoves Retired(NodeSituation node) => new(NodeState.Retired, $"retired by {node.ChangedBy}", Scheduler, null);
}
