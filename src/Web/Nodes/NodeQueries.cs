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

    private static readonly Func<OsvDbContext, Guid, IAsyncEnumerable<Device>> s_devices = EF.CompileAsyncQuery((OsvDbContext data, Guid id) =>
        data.NodeDevices.AsNoTracking().Where(device => device.NodeId == id).OrderBy(device => device.PciAddress).AsQueryable());

    private static readonly Func<OsvDbContext, Guid, DateTimeOffset, IAsyncEnumerable<NodeHealthView>> s_health = EF.CompileAsyncQuery((OsvDbContext data, Guid id, DateTimeOffset now) =>
        data.NodeHealthReports.Where(report => report.NodeId == id && (report.ExpiresAt == null || report.ExpiresAt > now)).OrderBy(report => report.Source)
            .Select(report => new NodeHealthView(report.Source, report.Summary, report.PreventsPlacement, report.PreventsStateChanges, report.SuppressesAlerts, report.ObservedAt)));

    private static readonly Func<OsvDbContext, Guid, IAsyncEnumerable<PartitionView>> s_partitions = EF.CompileAsyncQuery((OsvDbContext data, Guid id) =>
        from place in data.Placements
        join tenant in data.Tenants on place.TenantId equals tenant.Id
        join lifecycle in data.TenantLifecycles on tenant.Id equals lifecycle.TenantId
        join project in data.Projects on tenant.ProjectId equals project.Id
        join observed in data.TenantObserved on new { place.TenantId, place.NodeId } equals new { observed.TenantId, observed.NodeId } into observations
        from seen in observations.DefaultIfEmpty()
        where place.NodeId == id
        orderby tenant.Name
        select new PartitionView(
            tenant.Name, project.Name, lifecycle.State, tenant.CoreCount, tenant.MemoryBytes, seen == null ? null : seen.PartitionNumber, seen == null ? null : seen.PartitionState, place.PlacedAt,
            data.ExitSamples.Where(sample => sample.TenantId == tenant.Id).GroupBy(sample => sample.At).OrderByDescending(reading => reading.Key).Select(reading => (long?)reading.Sum(sample => sample.Total)).FirstOrDefault() ?? 0));

    public async Task<Page<NodeView>> ListAsync(Caller caller, NodeState? state, PageRequest page, CancellationToken cancel)
    {
        caller.Require(SiteRole.Operator);
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        IQueryable<Node> fitting = data.Nodes;
        if (page.After<string>() is { } after) fitting = fitting.Where(node => string.Compare(node.Name, after) > 0);
        if (state is { } chosen) fitting = fitting.Where(node => data.NodeLifecycles.Any(row => row.NodeId == node.Id && row.State == chosen));
        Page<Key> piece = page.Of(await fitting.OrderBy(node => node.Name).Select(node => new Key(node.Id, node.Name)).Take(page.Take).ToListAsync(cancel), key => key.Name);
        return new Page<NodeView>(await ViewsAsync(data, [.. piece.Items.Select(key => key.Id)], cancel), piece.NextCursor);
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
        List<Guid> ids = await ordered.Select(node => node.Id).Skip(page.Skip).Take(page.Size).ToListAsync(cancel);
        return new Found<NodeView>(await ViewsAsync(data, ids, cancel), fit, all);
    }

    public async Task<(NodeDetail Detail, string Tag)> ShowAsync(Caller caller, string node, CancellationToken cancel)
    {
        caller.Require(SiteRole.Operator);
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        NodeRow row = await FindAsync(data, node, cancel);
        Guid id = row.Node.Id;
        DateTimeOffset now = time.GetUtcNow();
        NodeReading reading = await fleet.NodeAsync(id, cancel) ?? throw RefusalException.NotFound("node", node);
        List<CellView> cells = [.. reading.Cells.Select(number =>
        {
            CoreView[] own = [.. reading.Cores.Where(core => core.Cell == number).Select(core => new CoreView(core.ApicId, number, core.CacheDomain, core.PhysicalCore, core.Reserved, reading.CoreOwners.GetValueOrDefault(core.ApicId)))];
            long memory = reading.MemoryOf(number);
            return new CellView(number, own, memory, memory - reading.SoldOf(number));
        })];
        List<Device> devices = await s_devices(data, id).ToListAsync(cancel);
        List<NodeHealthView> health = await s_health(data, id, now).ToListAsync(cancel);
        IReadOnlyList<Shape> inOneCell = LargestShapes.On(reading.Planned, NumaPolicy.OneCell, row.Node.Name), onNode = LargestShapes.On(reading.Planned, NumaPolicy.FewestCells, row.Node.Name);
        var detail = new NodeDetail(
            row.View(now), cells,
            devices.ConvertAll(device => new DeviceView(device.PciAddress, device.Kind, $"{device.VendorId:x4}:{device.DeviceId:x4}", device.CellNumber, device.CapacityBytes, device.Reserved, reading.DeviceOwners.GetValueOrDefault(device.PciAddress))),
            await s_partitions(data, id).ToListAsync(cancel), health, inOneCell, onNode);
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
        if (!Guid.TryParse(node, out Guid id)) id = await data.Nodes.Where(row => row.Name == node || row.SerialNumber == node).OrderBy(row => row.Name != node).Select(row => row.Id).FirstOrDefaultAsync(cancel);
        return await NodeRow.FindAsync(data, id, cancel) ?? throw RefusalException.NotFound("node", node);
    }

    /// <summary>
    /// First which, then what: the sums are made for those that are shown and no others, whatever the database expects a piece to hold. What
    /// vanished in between is left out.
    /// </summary>
    private async Task<List<NodeView>> ViewsAsync(OsvDbContext data, List<Guid> ids, CancellationToken cancel)
    {
        Dictionary<Guid, NodeRow> rows = await NodeRow.ReadAsync(data, ids, cancel);
        DateTimeOffset now = time.GetUtcNow();
        return [.. ids.Where(rows.ContainsKey).Select(id => rows[id].View(now))];
    }

    private sealed record Key(Guid Id, string Name);
}
