using System.Linq.Expressions;
using Microsoft.EntityFrameworkCore;
using Osv.Data;
using Osv.Data.Nodes;
using Osv.Web.Hosting;

namespace Osv.Web.Nodes;

/// <summary>A node with all rows that its view is made of.</summary>
internal sealed class NodeRow
{
    public required Node Node { get; init; }

    public required NodeLifecycle Lifecycle { get; init; }

    /// <summary>Null: nobody has let it into the fleet yet.</summary>
    public NodeDesired? Desired { get; init; }

    public int Cores { get; init; }

    public int SoldCores { get; init; }

    public long MemoryBytes { get; init; }

    public long SoldMemoryBytes { get; init; }

    public int Tenants { get; init; }

    public DateTimeOffset? LastHeartbeat { get; init; }

    /// <summary>Of its last boot; null: never booted.</summary>
    public BootStepKind? LastStep { get; init; }

    public BootStepState? LastStepState { get; init; }

    public bool PreventsPlacement { get; init; }

    public string Tag => ETags.Of(Node.RowVersion, Lifecycle.RowVersion, Desired?.RowVersion ?? 0);

    public NodeView View(DateTimeOffset now) => new(
        Node.Id, Node.Name, Node.SerialNumber, Lifecycle.State, Lifecycle.Reason, Lifecycle.Owner, Lifecycle.EnteredAt, Lifecycle.DeadlineAt, Lifecycle.DeadlineAt < now, Desired is not null, Desired?.Intent,
        Node.Rack, Node.PowerDomain, Node.Labels, Cores, Cores - SoldCores, MemoryBytes, MemoryBytes - SoldMemoryBytes, Tenants,
        LastHeartbeat, LastStep is null ? null : $"{LastStep} {LastStepState.ToString()!.ToLowerInvariant()}", Node.BootMac, Node.MonitorVersion, Node.AgentVersion, Node.RegisteredAt, PreventsPlacement);

    /// <summary>
    /// Rows beside a node are joined by their key or are single values: the first row of a subquery would be found by numbering the rows of
    /// all nodes, each time.
    /// </summary>
    private static readonly Expression<Func<OsvDbContext, IQueryable<Node>, IQueryable<NodeRow>>> s_rows = (data, nodes) =>
        from node in nodes
        join lifecycle in data.NodeLifecycles on node.Id equals lifecycle.NodeId
        join wanted in data.NodeDesired on node.Id equals wanted.NodeId into approvals
        from desired in approvals.DefaultIfEmpty()
        let boot = data.NodeBoots.Where(boot => boot.NodeId == node.Id).OrderByDescending(boot => boot.StartedAt).Select(boot => (Guid?)boot.Id).FirstOrDefault()
        select new NodeRow
        {
            Node = node,
            Lifecycle = lifecycle,
            Desired = desired,
            Cores = data.NodeCores.Count(core => core.NodeId == node.Id && !core.Reserved),
            SoldCores = data.CoreAllocations.Count(core => core.NodeId == node.Id),
            MemoryBytes = data.NodeMemoryBlocks.Where(block => block.NodeId == node.Id).Sum(block => block.SizeBytes),
            SoldMemoryBytes = data.MemoryAllocations.Where(memory => memory.NodeId == node.Id).Sum(memory => memory.SizeBytes),
            Tenants = data.Placements.Count(place => place.NodeId == node.Id),
            LastHeartbeat = data.NodeHeartbeats.Where(beat => beat.NodeId == node.Id).Select(beat => (DateTimeOffset?)beat.ReceivedAt).FirstOrDefault(),
            // Steps that begin at one moment have the order in which a boot takes them, which is not that of their names.
            LastStep = data.NodeBootSteps.Where(step => step.BootId == boot).OrderByDescending(step => step.StartedAt).ThenByDescending(step => step.Step == BootStepKind.Agent ? 4 : step.Step == BootStepKind.Monitor ? 3 : step.Step == BootStepKind.Image ? 2 : step.Step == BootStepKind.Script ? 1 : 0).Select(step => (BootStepKind?)step.Step).FirstOrDefault(),
            LastStepState = data.NodeBootSteps.Where(step => step.BootId == boot).OrderByDescending(step => step.StartedAt).ThenByDescending(step => step.Step == BootStepKind.Agent ? 4 : step.Step == BootStepKind.Monitor ? 3 : step.Step == BootStepKind.Image ? 2 : step.Step == BootStepKind.Script ? 1 : 0).Select(step => (BootStepState?)step.State).FirstOrDefault(),
            PreventsPlacement = data.NodeHealthReports.Any(report => report.NodeId == node.Id && report.PreventsPlacement && (report.ExpiresAt == null || report.ExpiresAt > DateTimeOffset.UtcNow)),
        };

    private static readonly Func<OsvDbContext, Guid, IAsyncEnumerable<NodeRow>> s_one = CompiledRows.Of(s_rows, (OsvDbContext data, Guid id) => data.Nodes.Where(node => node.Id == id));

    private static readonly Func<OsvDbContext, List<Guid>, IAsyncEnumerable<NodeRow>> s_many = CompiledRows.Of(s_rows, (OsvDbContext data, List<Guid> ids) => data.Nodes.AsNoTracking().Where(node => ids.Contains(node.Id)));

    /// <summary>To be looked at or changed.</summary>
    public static ValueTask<NodeRow?> FindAsync(OsvDbContext data, Guid id, CancellationToken cancel) => s_one(data, id).SingleOrDefaultAsync(cancel);

    /// <summary>To be looked at, by id; without those that are not there.</summary>
    public static ValueTask<Dictionary<Guid, NodeRow>> ReadAsync(OsvDbContext data, List<Guid> ids, CancellationToken cancel) => s_many(data, ids).ToDictionaryAsync(row => row.Node.Id, cancellationToken: cancel);
}
