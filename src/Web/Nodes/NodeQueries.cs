using Microsoft.EntityFrameworkCore;
using Osv.Data;
using Osv.Data.Access;
using Osv.Data.Lifecycles;
using Osv.Data.Nodes;
using Osv.Placement.Requests;
using Osv.Scheduler.Fleets;
using Osv.Scheduler.Nodes;
using Osv.Web.Access;
using Osv.Web.Capacity;
using Osv.Web.Hosting;
using Osv.Web.Tenants;

namespace Osv.Web.Nodes;

/// <summary>What is known about nodes. For operators: a node shows tenants of all projects.</summary>
public sealed class NodeQueries(IDbContextFactory<OsvDbContext> contexts, FleetView fleet, TimeProvider time)
{
    /// <summary>How many past boots are shown.</summary>
    private const int Boots = 20;

    public async Task<Page<NodeView>> ListAsync(Caller caller, NodeState? state, PageRequest page, CancellationToken cancel)
    {
        caller.Require(SiteRole.Operator);
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        string? after = page.After<string>();
        List<NodeRow> rows = await NodeRow.Select(data, data.Nodes.AsNoTracking().Where(node => after == null || string.Compare(node.Name, after) > 0))
            .Where(row => state == null || row.Lifecycle.State == state)
            .OrderBy(row => row.Node.Name).Take(page.Take).AsNoTracking().ToListAsync(cancel);
        DateTimeOffset now = time.GetUtcNow();
        return page.Of(rows.ConvertAll(row => row.View(now)), view => view.Name);
    }

    /// <summary>A page of the nodes whose name, serial number or rack has a text in it, whatever its case; by name, or rack by rack.</summary>
    public async Task<Found<NodeView>> FindAsync(Caller caller, string? text, NodeState? state, bool byRack, FoundPage page, CancellationToken cancel)
    {
        caller.Require(SiteRole.Operator);
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        IQueryable<Node> fitting = data.Nodes.AsNoTracking();
        if (FoundPage.Pattern(text) is { } pattern)
        {
            fitting = fitting.Where(node => EF.Functions.ILike(node.Name, pattern) || EF.Functions.ILike(node.SerialNumber, pattern) || EF.Functions.ILike(node.Rack, pattern));
        }
        if (state is { } chosen) fitting = fitting.Where(node => data.NodeLifecycles.Any(row => row.NodeId == node.Id && row.State == chosen));
        int all = await data.Nodes.CountAsync(cancel), fit = await fitting.CountAsync(cancel);
        IOrderedQueryable<Node> ordered = byRack ? fitting.OrderBy(node => node.Rack).ThenBy(node => node.Name) : fitting.OrderBy(node => node.Name);
        // First which, then what: the sums are made for those that are shown and no others.
        List<Guid> ids = await ordered.Select(node => node.Id).Skip(page.Skip).Take(page.Size).ToListAsync(cancel);
        Dictionary<Guid, NodeRow> rows = await NodeRow.Select(data, data.Nodes.Where(node => ids.Contains(node.Id))).AsNoTracking().ToDictionaryAsync(row => row.Node.Id, cancel);
        DateTimeOffset now = time.GetUtcNow();
        return new Found<NodeView>([.. ids.Where(rows.ContainsKey).Select(id => rows[id].View(now))], fit, all);
    }

    public async Task<(NodeDetail Detail, string Tag)> ShowAsync(Caller caller, string node, CancellationToken cancel)
    {
        caller.Require(SiteRole.Operator);
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        NodeRow row = await FindAsync(data, node, cancel);
        Guid id = row.Node.Id;
        DateTimeOffset now = time.GetUtcNow();
        Dictionary<int, string> owners = await data.CoreAllocations.Where(core => core.NodeId == id)
            .Join(data.Tenants, core => core.TenantId, tenant => tenant.Id, (core, tenant) => new { core.ApicId, tenant.Name }).ToDictionaryAsync(core => core.ApicId, core => core.Name, cancel);
        Dictionary<string, string> users = await data.DeviceAllocations.Where(device => device.NodeId == id)
            .Join(data.Tenants, device => device.TenantId, tenant => tenant.Id, (device, tenant) => new { device.PciAddress, tenant.Name }).ToDictionaryAsync(device => device.PciAddress, device => device.Name, cancel);
        List<Core> cores = await data.NodeCores.AsNoTracking().Where(core => core.NodeId == id).OrderBy(core => core.ApicId).ToListAsync(cancel);
        List<MemoryBlock> blocks = await data.NodeMemoryBlocks.AsNoTracking().Where(block => block.NodeId == id).ToListAsync(cancel);
        Dictionary<int, long> sold = await data.MemoryAllocations.Where(memory => memory.NodeId == id)
            .Join(data.NodeMemoryBlocks, memory => new { memory.NodeId, Start = memory.BlockStartAddress, Size = memory.BlockSizeBytes }, block => new { block.NodeId, Start = block.StartAddress, Size = block.SizeBytes }, (memory, block) => new { block.CellNumber, memory.SizeBytes })
            .GroupBy(memory => memory.CellNumber).Select(cell => new { Cell = cell.Key, Bytes = cell.Sum(memory => memory.SizeBytes) }).ToDictionaryAsync(cell => cell.Cell, cell => cell.Bytes, cancel);
        List<int> numbers = await data.NodeCells.Where(cell => cell.NodeId == id).Select(cell => cell.CellNumber).Order().ToListAsync(cancel);
        List<CellView> cells = numbers.ConvertAll(number =>
        {
            long memory = blocks.Where(block => block.CellNumber == number).Sum(block => block.SizeBytes);
            CoreView[] own = [.. cores.Where(core => core.CellNumber == number).Select(core => new CoreView(core.ApicId, number, core.CacheDomain, core.PhysicalCore, core.Reserved, owners.GetValueOrDefault(core.ApicId)))];
            return new CellView(number, own, memory, memory - sold.GetValueOrDefault(number));
        });
        List<Device> devices = await data.NodeDevices.AsNoTracking().Where(device => device.NodeId == id).OrderBy(device => device.PciAddress).ToListAsync(cancel);
        List<NodeHealthView> health = await data.NodeHealthReports.AsNoTracking().Where(report => report.NodeId == id && (report.ExpiresAt == null || report.ExpiresAt > now)).OrderBy(report => report.Source)
            .Select(report => new NodeHealthView(report.Source, report.Summary, report.PreventsPlacement, report.PreventsStateChanges, report.SuppressesAlerts, report.ObservedAt)).ToListAsync(cancel);
        FleetSnapshot alone = await fleet.NodeAsync(id, cancel);
        IReadOnlyList<Shape> inOneCell = LargestShapes.On(alone, NumaPolicy.OneCell, row.Node.Name), onNode = LargestShapes.On(alone, NumaPolicy.FewestCells, row.Node.Name);
        var detail = new NodeDetail(
            row.View(now), cells,
            devices.ConvertAll(device => new DeviceView(device.PciAddress, device.Kind, $"{device.VendorId:x4}:{device.DeviceId:x4}", device.CellNumber, device.CapacityBytes, device.Reserved, users.GetValueOrDefault(device.PciAddress))),
            await PartitionsAsync(data, id, cancel), health, inOneCell, onNode);
        return (detail, row.Tag);
    }

    public async Task<NodeTimeline> TimelineAsync(Caller caller, string node, CancellationToken cancel)
    {
        caller.Require(SiteRole.Operator);
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        Guid id = (await FindAsync(data, node, cancel)).Node.Id;
        List<NodeTransition> transitions = await data.NodeTransitions.AsNoTracking().Where(row => row.NodeId == id).OrderByDescending(row => row.Id).Take(PageRequest.Largest).ToListAsync(cancel);
        transitions.Reverse();
        List<NodeBoot> boots = await data.NodeBoots.AsNoTracking().Include(boot => boot.Steps).Where(boot => boot.NodeId == id).OrderByDescending(boot => boot.StartedAt).Take(Boots).ToListAsync(cancel);
        DateTimeOffset now = time.GetUtcNow();
        return new NodeTimeline(
            transitions.ConvertAll(row => new TransitionView(row.FromState?.ToString(), row.ToState.ToString(), row.Reason, row.Owner, row.At, row.DeadlineAt)),
            boots.ConvertAll(boot => new BootView(boot.Id, boot.StartedAt, [.. boot.Steps.OrderBy(step => step.Step).Select(step => new BootStepView(
                step.Step, step.State, step.StartedAt, step.FinishedAt, step.DeadlineAt, step.State == BootStepState.Waiting && step.DeadlineAt < now, step.Detail))])));
    }

    /// <summary>The last events of its monitor, the newest first.</summary>
    public async Task<IReadOnlyList<PartitionEventView>> EventsAsync(Caller caller, string node, int? limit, CancellationToken cancel)
    {
        caller.Require(SiteRole.Operator);
        int most = new PageRequest(limit).Take - 1;
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        Guid id = (await FindAsync(data, node, cancel)).Node.Id;
        var rows = await (
            from happened in data.PartitionEvents.AsNoTracking()
            where happened.NodeId == id
            orderby happened.At descending, happened.Number descending
            select new { Event = happened, Tenant = data.Tenants.Where(tenant => tenant.Id == happened.TenantId).Select(tenant => tenant.Name).FirstOrDefault() }).Take(most).ToListAsync(cancel);
        return rows.ConvertAll(row => new PartitionEventView(
            row.Event.Number, row.Event.Kind, row.Event.Cause, row.Event.At, row.Tenant, row.Event.PartitionNumber, row.Event.ApicId, string.Create(System.Globalization.CultureInfo.InvariantCulture, $"0x{row.Event.Rip:x}")));
    }

    /// <summary>Looks for another place for every tenant of a node; changes nothing.</summary>
    public async Task<DrainPreview> PreviewDrainAsync(Caller caller, string node, CancellationToken cancel)
    {
        caller.Require(SiteRole.Operator);
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        NodeRow row = await FindAsync(data, node, cancel);
        DrainPreflight? preflight = await fleet.ReadAsync(snapshot => Drainer.Preflight(snapshot, row.Node.Name), cancel);
        if (preflight is null)
        {
            if (row.Tenants == 0) return new DrainPreview([], [], 0);
            throw RefusalException.Conflict($"node '{row.Node.Name}' is {row.Lifecycle.State} and the planner does not know it, so nothing can be planned for its {row.Tenants} tenants: see the scheduler's log");
        }
        Guid[] tenants = [.. preflight.Moves.Select(move => move.TenantId), .. preflight.Blockers.Select(blocker => blocker.TenantId)];
        Dictionary<Guid, string> owners = await data.Tenants.Where(tenant => tenants.Contains(tenant.Id)).Join(data.Projects, tenant => tenant.ProjectId, project => project.Id, (tenant, project) => new { tenant.Id, project.Name }).ToDictionaryAsync(tenant => tenant.Id, tenant => tenant.Name, cancel);
        return new DrainPreview(
            [.. preflight.Moves.Select(move => new DrainMove(move.TenantId, move.Tenant, owners.GetValueOrDefault(move.TenantId, ""), move.To))],
            [.. preflight.Blockers.Select(blocker => new DrainObstacle(blocker.TenantId, blocker.Tenant, owners.GetValueOrDefault(blocker.TenantId, ""), blocker.Reason))],
            preflight.Leaving.Count);
    }

    /// <summary>The last lines of its agent, the newest first.</summary>
    public async Task<IReadOnlyList<AgentLogLineView>> LogAsync(Caller caller, string node, int? limit, CancellationToken cancel)
    {
        caller.Require(SiteRole.Operator);
        int most = new PageRequest(limit).Take - 1;
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        Guid id = (await FindAsync(data, node, cancel)).Node.Id;
        return await data.AgentLogLines.AsNoTracking().Where(line => line.NodeId == id).OrderByDescending(line => line.At).ThenByDescending(line => line.Number)
            .Take(most).Select(line => new AgentLogLineView(line.At, line.Level, line.Category, line.Message)).ToListAsync(cancel);
    }

    internal static async Task<NodeRow> FindAsync(OsvDbContext data, string node, CancellationToken cancel)
    {
        bool isId = Guid.TryParse(node, out Guid id);
        return await NodeRow.Select(data, data.Nodes.Where(row => isId ? row.Id == id : row.Name == node || row.SerialNumber == node)).OrderBy(row => row.Node.Name != node).FirstOrDefaultAsync(cancel)
            ?? throw RefusalException.NotFound("node", node);
    }

    private static async Task<IReadOnlyList<PartitionView>> PartitionsAsync(OsvDbContext data, Guid node, CancellationToken cancel)
    {
        var rows = await (
            from place in data.Placements.AsNoTracking()
            join tenant in data.Tenants on place.TenantId equals tenant.Id
            join lifecycle in data.TenantLifecycles on tenant.Id equals lifecycle.TenantId
            join project in data.Projects on tenant.ProjectId equals project.Id
            where place.NodeId == node
            orderby tenant.Name
            select new
            {
                tenant.Name, Project = project.Name, lifecycle.State, tenant.CoreCount, tenant.MemoryBytes, place.PlacedAt,
                Observed = data.TenantObserved.FirstOrDefault(seen => seen.TenantId == tenant.Id && seen.NodeId == node),
                Exits = data.ExitSamples.Where(sample => sample.TenantId == tenant.Id).GroupBy(sample => sample.At).OrderByDescending(reading => reading.Key).Select(reading => (long?)reading.Sum(sample => sample.Total)).FirstOrDefault(),
            }).ToListAsync(cancel);
        return rows.ConvertAll(row => new PartitionView(
            row.Name, row.Project, row.State, row.CoreCount, row.MemoryBytes, row.Observed?.PartitionNumber, row.Observed?.PartitionState, row.PlacedAt, row.Exits ?? 0));
    }
}
