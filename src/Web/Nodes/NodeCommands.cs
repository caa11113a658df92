using Microsoft.EntityFrameworkCore;
using Osv.Data;
using Osv.Data.Access;
using Osv.Data.Lifecycles;
using Osv.Data.Nodes;
using Osv.Web.Access;
using Osv.Web.Audit;
using Osv.Web.Hosting;

namespace Osv.Web.Nodes;

/// <summary>
/// Writes what operators want of nodes; the scheduler makes it so. A node has a row of desired state from the moment it was let into the fleet:
/// by approval, or by registration of its serial number before it was ever seen.
/// </summary>
public sealed class NodeCommands(IDbContextFactory<OsvDbContext> contexts, AuditTrail audit, TimeProvider time)
{
    /// <summary>How long a registered machine may take to appear before it counts as stalled.</summary>
    private static readonly TimeSpan RegistrationPatience = TimeSpan.FromDays(30);

    private static readonly TimeSpan OrderFor = TimeSpan.FromMinutes(1);

    public async Task<NodeView> RegisterAsync(Caller caller, RegisterNode request, CancellationToken cancel)
    {
        caller.Require(SiteRole.Operator);
        new RegisterNodeValidator().Check(request);
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        DateTimeOffset now = time.GetUtcNow();
        var node = new Node
        {
            Id = Guid.CreateVersion7(), Name = request.Name, SerialNumber = request.SerialNumber, Rack = request.Rack, PowerDomain = request.PowerDomain, Labels = request.Labels ?? [], RegisteredAt = now,
        };
        data.Nodes.Add(node);
        data.NodeDesired.Add(new NodeDesired { NodeId = node.Id, Intent = NodeIntent.Serve, ChangedBy = caller.Actor, ChangedAt = now });
        data.NodeLifecycles.Add(new NodeLifecycle
        {
            NodeId = node.Id, State = NodeState.Discovered, Reason = "registered by its serial number, has not booted yet", Owner = "operator", DeadlineAt = now + RegistrationPatience,
        });
        await audit.SaveAsync(data, caller.Actor, "node.register", node.Name, null, new { node.Id, node.SerialNumber, node.Rack, node.PowerDomain }, cancel);
        return (await NodeQueries.FindAsync(data, node.Id.ToString(), cancel)).View(now);
    }

    public Task<NodeView> ApproveAsync(Caller caller, string node, string? ifMatch, CancellationToken cancel) =>
        ChangeAsync(caller, node, ifMatch, "node.approve", NodeIntent.Serve, row =>
        {
            if (row.Lifecycle.State is not (NodeState.Discovered or NodeState.PendingApproval or NodeState.Quarantined)) throw RefusalException.Conflict($"node '{row.Node.Name}' is {row.Lifecycle.State}: only a new or quarantined node is approved");
        }, cancel);

    public Task<NodeView> DrainAsync(Caller caller, string node, string? ifMatch, CancellationToken cancel) =>
        ChangeAsync(caller, node, ifMatch, "node.drain", NodeIntent.Drain, row => RequireApproved(row, "drained"), cancel);

    public Task<NodeView> UncordonAsync(Caller caller, string node, string? ifMatch, CancellationToken cancel) =>
        ChangeAsync(caller, node, ifMatch, "node.uncordon", NodeIntent.Serve, row => RequireApproved(row, "uncordoned"), cancel);

    /// <summary>Retires a node for good. It must own no tenant any more.</summary>
    public Task<NodeView> DeleteAsync(Caller caller, string node, string? ifMatch, CancellationToken cancel) =>
        ChangeAsync(caller, node, ifMatch, "node.delete", NodeIntent.Retire, row =>
        {
            if (row.Tenants > 0) throw RefusalException.Conflict($"node '{row.Node.Name}' holds {row.Tenants} tenants: drain it first");
        }, cancel);

    private async Task<NodeView> ChangeAsync(Caller caller, string node, string? ifMatch, string action, NodeIntent intent, Action<NodeRow> check, CancellationToken cancel)
    {
        caller.Require(SiteRole.Operator);
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        NodeRow row = await NodeQueries.FindAsync(data, node, cancel);
        ETags.Check(ifMatch, row.Tag);
        if (row.Lifecycle.State == NodeState.Retired) throw RefusalException.Conflict($"node '{row.Node.Name}' is retired for good: a machine that comes back registers anew");
        check(row);
        DateTimeOffset now = time.GetUtcNow();
        if (row.Desired is { } desired) (desired.Intent, desired.ChangedBy, desired.ChangedAt) = (intent, caller.Actor, now);
        else data.NodeDesired.Add(new NodeDesired { NodeId = row.Node.Id, Intent = intent, ChangedBy = caller.Actor, ChangedAt = now });
        Guid id = row.Node.Id;
        await audit.SaveAsync(data, caller.Actor, action, row.Node.Name, null, new { id }, cancel, async () =>
        {
            await data.SaveChangesAsync(cancel);
            await data.NodeLifecycles.Where(lifecycle => lifecycle.NodeId == id && (lifecycle.DueAt == null || lifecycle.DueAt > now))
                .ExecuteUpdateAsync(set => set.SetProperty(lifecycle => lifecycle.DueAt, now), cancel);
        });
        data.ChangeTracker.Clear();
        return (await NodeQueries.FindAsync(data, id.ToString(), cancel)).View(now);
    }

    /// <summary>Resets the machine, with everything that runs on it.</summary>
    public Task<NodeView> ResetAsync(Caller caller, string node, string? ifMatch, CancellationToken cancel) => OrderAsync(caller, node, ifMatch, "node.reset", NodeCommandKind.Reset, cancel);

    /// <summary>Switches the machine off, with everything that runs on it.</summary>
    public Task<NodeView> PowerOffAsync(Caller caller, string node, string? ifMatch, CancellationToken cancel) => OrderAsync(caller, node, ifMatch, "node.power-off", NodeCommandKind.PowerOff, cancel);

    /// <summary>Writes an order; whichever replica has the node's stream sends it. One that is not sent within <see cref="OrderFor"/> is never obeyed.</summary>
    private async Task<NodeView> OrderAsync(Caller caller, string node, string? ifMatch, string action, NodeCommandKind kind, CancellationToken cancel)
    {
        caller.Require(SiteRole.Operator);
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        NodeRow row = await NodeQueries.FindAsync(data, node, cancel);
        ETags.Check(ifMatch, row.Tag);
        Guid id = row.Node.Id;
        if (!await data.NodeConnections.AnyAsync(connection => connection.NodeId == id && connection.DisconnectedAt == null, cancel)) throw RefusalException.Conflict($"the agent of node '{row.Node.Name}' is not connected, so nobody would obey: use the machine's own management controller");
        DateTimeOffset now = time.GetUtcNow();
        data.NodeCommands.Add(new NodeCommand { Id = Guid.CreateVersion7(now), NodeId = id, Kind = kind, RequestedBy = caller.Actor, RequestedAt = now, ExpiresAt = now + OrderFor });
        await audit.SaveAsync(data, caller.Actor, action, row.Node.Name, null, new { id }, cancel);
        return row.View(now);
    }

    private static void RequireApproved(NodeRow row, string what)
    {
        if (row.Desired is null) throw RefusalException.Conflict($"node '{row.Node.Name}' is not approved yet, so it cannot be {what}: approve it first");
    }
}
