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

    public BootStep? LastStep { get; init; }

    public bool PreventsPlacement { get; init; }

    public string Tag => ETags.Of(Node.RowVersion, Lifecycle.RowVersion, Desired?.RowVersion ?? 0);

    public NodeView View(DateTimeOffset now) => new(
        Node.Id, Node.Name, Node.SerialNumber, Lifecycle.State, Lifecycle.Reason, Lifecycle.Owner, Lifecycle.EnteredAt, Lifecycle.DeadlineAt, Lifecycle.DeadlineAt < now, Desired is not null, Desired?.Intent,
        Node.Rack, Node.PowerDomain, Node.Labels, Cores, Cores - SoldCores, MemoryBytes, MemoryBytes - SoldMemoryBytes, Tenants,
        LastHeartbeat, LastStep is null ? null : $"{LastStep.Step} {LastStep.State.ToString().ToLowerInvariant()}", Node.BootMac, Node.MonitorVersion, Node.AgentVersion, Node.RegisteredAt, PreventsPlacement);

    public static IQueryable<NodeRow> Select(OsvDbContext data, IQueryable<Node> nodes) =>
        from node in nodes
        join lifecycle in data.NodeLifecycles on node.Id equals lifecycle.NodeId
        select new NodeRow
        {
            Node = node,
            Lifecycle = lifecycle,
            Desired = data.NodeDesired.FirstOrDefault(desired => desired.NodeId == node.Id),
            Cores = data.NodeCores.Count(core => core.NodeId == node.Id && !core.Reserved),
            SoldCores = data.CoreAllocations.Count(core => core.NodeId == node.Id),
            MemoryBytes = data.NodeMemoryBlocks.Where(block => block.NodeId == node.Id).Sum(block => block.SizeBytes),
            SoldMemoryBytes = data.MemoryAllocations.Where(memory => memory.NodeId == node.Id).Sum(memory => memory.SizeBytes),
            Tenants = data.Placements.Count(place => place.NodeId == node.Id),
            LastHeartbeat = data.NodeHeartbeats.Where(beat => beat.NodeId == node.Id).Select(beat => (DateTimeOffset?)beat.ReceivedAt).FirstOrDefault(),
            LastStep = data.NodeBoots.Where(boot => boot.NodeId == node.Id).OrderByDescending(boot => boot.StartedAt).SelectMany(boot => boot.Steps).OrderByDescending(step => step.StartedAt).FirstOrDefault(),
            PreventsPlacement = data.NodeHealthReports.Any(report => report.NodeId == node.Id && report.PreventsPlacement && (report.ExpiresAt == null || report.ExpiresAt > DateTimeOffset.UtcNow)),
        };
}
