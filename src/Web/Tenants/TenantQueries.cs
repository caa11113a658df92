using Microsoft.EntityFrameworkCore;
using Osv.Data;
using Osv.Data.Lifecycles;
using Osv.Data.Logs;
using Osv.Data.Projects;
using Osv.Data.Tenants;
using Osv.Web.Access;
using Osv.Web.Hosting;
using Osv.Web.Projects;

namespace Osv.Web.Tenants;

/// <summary>What is known about tenants.</summary>
public sealed class TenantQueries(IDbContextFactory<OsvDbContext> contexts, ProjectLookup projects, TimeProvider time)
{
    /// <summary>Most readings in one answer.</summary>
    private const int MostReadings = 10_000;

    public async Task<Page<TenantView>> ListAsync(Caller caller, string? project, TenantState? state, string? node, PageRequest page, CancellationToken cancel)
    {
        Guid[]? scope = await projects.ScopeAsync(caller, project, cancel);
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        IQueryable<Tenant> fitting = Visible(data, scope);
        if (page.After<Key>() is { } after) fitting = fitting.Where(tenant => EF.Functions.GreaterThan(ValueTuple.Create(tenant.Name, tenant.Id), ValueTuple.Create(after.Name, after.Id)));
        if (state is { } chosen) fitting = fitting.Where(tenant => data.TenantLifecycles.Any(row => row.TenantId == tenant.Id && row.State == chosen));
        if (node is not null) fitting = fitting.Where(tenant => data.Placements.Any(place => place.TenantId == tenant.Id && data.Nodes.Any(row => row.Id == place.NodeId && row.Name == node)));
        Page<Key> piece = page.Of(await fitting.OrderBy(tenant => tenant.Name).ThenBy(tenant => tenant.Id).Select(tenant => new Key(tenant.Name, tenant.Id)).Take(page.Take).ToListAsync(cancel), key => key);
        return new Page<TenantView>(await ViewsAsync(data, [.. piece.Items.Select(key => key.Id)], cancel), piece.NextCursor);
    }

    /// <summary>A page of the tenants whose name, project or node has a text in it, whatever its case; by name.</summary>
    public async Task<Found<TenantView>> FindAsync(Caller caller, string? text, TenantState? state, FoundPage page, CancellationToken cancel)
    {
        Guid[]? scope = await projects.ScopeAsync(caller, null, cancel);
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        IQueryable<Tenant> visible = Visible(data, scope), fitting = visible;
        if (FoundPage.Pattern(text) is { } pattern)
        {
            fitting = fitting.Where(tenant => EF.Functions.ILike(tenant.Name, pattern) || data.Projects.Any(project => project.Id == tenant.ProjectId && EF.Functions.ILike(project.Name, pattern))
                || data.Placements.Any(place => place.TenantId == tenant.Id && data.Nodes.Any(node => node.Id == place.NodeId && EF.Functions.ILike(node.Name, pattern))));
        }
        if (state is { } chosen) fitting = fitting.Where(tenant => data.TenantLifecycles.Any(row => row.TenantId == tenant.Id && row.State == chosen));
        int all = await visible.CountAsync(cancel), fit = await fitting.CountAsync(cancel);
        List<Guid> ids = await fitting.OrderBy(tenant => tenant.Name).ThenBy(tenant => tenant.Id).Select(tenant => tenant.Id).Skip(page.Skip).Take(page.Size).ToListAsync(cancel);
        return new Found<TenantView>(await ViewsAsync(data, ids, cancel), fit, all);
    }

    public async Task<(TenantView View, string Tag)> ShowAsync(Caller caller, string tenant, string? project, CancellationToken cancel)
    {
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        TenantRow row = await FindAsync(data, caller, tenant, project, cancel);
        return (row.View(time.GetUtcNow()), row.Tag);
    }

    public async Task<TenantTimeline> TimelineAsync(Caller caller, string tenant, string? project, CancellationToken cancel)
    {
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        Guid id = (await FindAsync(data, caller, tenant, project, cancel)).Tenant.Id;
        List<TenantTransition> transitions = await data.TenantTransitions.AsNoTracking().Where(row => row.TenantId == id).OrderByDescending(row => row.Id).Take(PageRequest.Largest).ToListAsync(cancel);
        transitions.Reverse();
        TenantObserved? seen = await data.TenantObserved.AsNoTracking().SingleOrDefaultAsync(row => row.TenantId == id, cancel);
        DateTimeOffset now = time.GetUtcNow();
        List<TenantHealthView> health = await data.TenantHealthReports.AsNoTracking().Where(row => row.TenantId == id && (row.ExpiresAt == null || row.ExpiresAt > now)).OrderBy(row => row.Source)
            .Select(row => new TenantHealthView(row.Source, row.Summary, row.PreventsStateChanges, row.SuppressesAlerts, row.ObservedAt)).ToListAsync(cancel);
        return new TenantTimeline(
            transitions.ConvertAll(row => new TransitionView(row.FromState?.ToString(), row.ToState.ToString(), row.Reason, row.Owner, row.At, row.DeadlineAt)),
            seen is null ? null : new ObservationView(seen.PartitionState, seen.PartitionNumber, seen.EndCause, seen.ObservedAt),
            health);
    }

    public async Task<ExitCounts> ExitsAsync(Caller caller, string tenant, string? project, CancellationToken cancel)
    {
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        TenantRow row = await FindAsync(data, caller, tenant, project, cancel);
        Guid id = row.Tenant.Id;
        // The counters of all reasons are read at once, so a reading is the rows of one time.
        IQueryable<ExitSample> all = data.ExitSamples.AsNoTracking().Where(sample => sample.TenantId == id);
        DateTimeOffset? last = await all.MaxAsync(sample => (DateTimeOffset?)sample.At, cancel), earlier = await all.Where(sample => sample.At < last).MaxAsync(sample => (DateTimeOffset?)sample.At, cancel);
        Dictionary<string, long> counts = await ReadingAsync(last), before = await ReadingAsync(earlier);
        Dictionary<string, double> rates = [];
        // All counters begin anew with a start: where one fell, none can be compared.
        if (before.All(count => counts.GetValueOrDefault(count.Key) >= count.Value))
        {
            foreach ((string reason, long count) in before) rates[reason] = (counts[reason] - count) / (last!.Value - earlier!.Value).TotalSeconds;
        }
        return new ExitCounts(row.Tenant.Name, row.Lifecycle.State == TenantState.Running ? row.Lifecycle.EnteredAt : null, last, counts.Values.Sum(), counts, rates);

        async Task<Dictionary<string, long>> ReadingAsync(DateTimeOffset? at) => at is null ? []
            : await all.Where(sample => sample.At == at).OrderBy(sample => sample.ExitReason).ToDictionaryAsync(sample => sample.ExitReason, sample => sample.Total, cancel);
    }

    public async Task<ExitHistory> ExitHistoryAsync(Caller caller, string tenant, string? project, int minutes, CancellationToken cancel)
    {
        if (minutes is < 1 or > 24 * 60) throw RefusalException.Invalid("minutes", $"minutes is {minutes}: use 1 to {24 * 60}");
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        Guid id = (await FindAsync(data, caller, tenant, project, cancel)).Tenant.Id;
        DateTimeOffset since = time.GetUtcNow().AddMinutes(-minutes);
        List<ExitSample> samples = await data.ExitSamples.AsNoTracking().Where(sample => sample.TenantId == id && sample.At >= since)
            .OrderByDescending(sample => sample.At).Take(MostReadings).ToListAsync(cancel);
        DateTimeOffset[] times = [.. samples.Select(sample => sample.At).Distinct().Order()];
        Dictionary<(string, DateTimeOffset), long> totals = samples.ToDictionary(sample => (sample.ExitReason, sample.At), sample => sample.Total);
        return new ExitHistory(times, samples.Select(sample => sample.ExitReason).Distinct().Order(StringComparer.Ordinal).ToDictionary(
            reason => reason, reason => (IReadOnlyList<long?>)[.. times.Select(at => totals.TryGetValue((reason, at), out long total) ? total : (long?)null)]));
    }

    /// <summary>Finds a tenant by id or name among the projects that the caller may see.</summary>
    internal async Task<TenantRow> FindAsync(OsvDbContext data, Caller caller, string tenant, string? project, CancellationToken cancel, ProjectRole least = ProjectRole.Viewer)
    {
        Guid[]? scope = await projects.ScopeAsync(caller, project, cancel);
        if (!Guid.TryParse(tenant, out Guid id))
        {
            List<Guid> named = await Visible(data, scope).Where(row => row.Name == tenant).Select(row => row.Id).Take(2).ToListAsync(cancel);
            if (named.Count > 1) throw RefusalException.Conflict($"several projects have a tenant '{tenant}': name the project too");
            id = named.SingleOrDefault();
        }
        TenantRow? row = await TenantRow.FindAsync(data, id, cancel);
        if (row is null || scope?.Contains(row.Tenant.ProjectId) == false) throw RefusalException.NotFound("tenant", tenant);
        caller.Require(row.Tenant.ProjectId, least, "tenant", tenant);
        return row;
    }

    /// <param name="scope">Projects; null: all.</param>
    private static IQueryable<Tenant> Visible(OsvDbContext data, Guid[]? scope) => scope is null ? data.Tenants : data.Tenants.Where(tenant => scope.Contains(tenant.ProjectId));

    /// <summary>In the order of the ids; what vanished since they were read is left out.</summary>
    private async Task<List<TenantView>> ViewsAsync(OsvDbContext data, List<Guid> ids, CancellationToken cancel)
    {
        Dictionary<Guid, TenantRow> rows = await TenantRow.ReadAsync(data, ids, cancel);
        DateTimeOffset now = time.GetUtcNow();
        return [.. ids.Where(rows.ContainsKey).Select(id => rows[id].View(now))];
    }

    private sealed record Key(string Name, Guid Id);
}
