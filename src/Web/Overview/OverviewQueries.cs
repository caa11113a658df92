using Microsoft.EntityFrameworkCore;
using Osv.Data;
using Osv.Data.Lifecycles;
using Osv.Web.Access;

namespace Osv.Web.Overview;

/// <param name="Since">When it came into the state, or the report was made.</param>
public sealed record Concern(string Name, string Link, string What, DateTimeOffset Since);

/// <param name="Link">Page of the thing; null: it has none.</param>
public sealed record News(DateTimeOffset At, string Name, string? Link, string What, string Detail);

/// <summary>What needs attention and what happened, as far as the caller may know.</summary>
public sealed class OverviewQueries(IDbContextFactory<OsvDbContext> contexts, TimeProvider time)
{
    private const int Most = 25;

    public async Task<IReadOnlyList<Concern>> ConcernsAsync(Caller caller, CancellationToken cancel)
    {
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        DateTimeOffset now = time.GetUtcNow();
        var concerns = new List<Concern>();
        if (caller.SeesAllProjects)
        {
            NodeState[] bad = [NodeState.PendingApproval, NodeState.Lost, NodeState.Quarantined];
            concerns.AddRange((await data.NodeLifecycles.Where(row => row.DeadlineAt < now || bad.Contains(row.State))
                .Join(data.Nodes, row => row.NodeId, node => node.Id, (row, node) => new { node.Name, row.State, row.Reason, row.Owner, row.EnteredAt, row.DeadlineAt }).OrderBy(row => row.EnteredAt).Take(Most).ToListAsync(cancel))
                .Select(row => new Concern(row.Name, $"/nodes/{row.Name}", Words(row.State, row.Reason, row.Owner, row.DeadlineAt < now), row.EnteredAt)));
            concerns.AddRange((await data.NodeHealthReports.Where(report => (report.ExpiresAt == null || report.ExpiresAt > now) && (report.PreventsPlacement || report.PreventsStateChanges))
                .Join(data.Nodes, report => report.NodeId, node => node.Id, (report, node) => new { node.Name, report.Source, report.Summary, report.ObservedAt }).Take(Most).ToListAsync(cancel))
                .Select(row => new Concern(row.Name, $"/nodes/{row.Name}?tab=health", $"{row.Source}: {row.Summary}", row.ObservedAt)));
        }
        Guid[] visible = caller.VisibleProjects;
        bool all = caller.SeesAllProjects;
        TenantState[] ill = [TenantState.Crashed, TenantState.Hung, TenantState.Unreachable, TenantState.Failed];
        concerns.AddRange((await (
            from row in data.TenantLifecycles
            join tenant in data.Tenants on row.TenantId equals tenant.Id
            join project in data.Projects on tenant.ProjectId equals project.Id
            where (all || visible.Contains(project.Id)) && (row.DeadlineAt < now || ill.Contains(row.State))
            orderby row.EnteredAt
            select new { tenant.Name, Project = project.Name, row.State, row.Reason, row.Owner, row.EnteredAt, row.DeadlineAt }).Take(Most).ToListAsync(cancel))
            .Select(row => new Concern(row.Name, $"/tenants/{row.Project}/{row.Name}", Words(row.State, row.Reason, row.Owner, row.DeadlineAt < now), row.EnteredAt)));
        return concerns;
    }

    /// <summary>The last transitions and acts, newest first.</summary>
    public async Task<IReadOnlyList<News>> NewsAsync(Caller caller, CancellationToken cancel)
    {
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        Guid[] visible = caller.VisibleProjects;
        bool all = caller.SeesAllProjects;
        var news = new List<News>();
        if (all)
        {
            news.AddRange((await data.NodeLifecycles.OrderByDescending(row => row.EnteredAt).Take(Most)
                .Join(data.Nodes, row => row.NodeId, node => node.Id, (row, node) => new { row.EnteredAt, node.Name, row.State, row.Reason }).ToListAsync(cancel))
                .Select(row => new News(row.EnteredAt, row.Name, $"/nodes/{row.Name}", $"node is {row.State}", row.Reason)));
        }
        news.AddRange((await (
            from row in data.TenantLifecycles
            join tenant in data.Tenants on row.TenantId equals tenant.Id
            join project in data.Projects on tenant.ProjectId equals project.Id
            where all || visible.Contains(project.Id)
            orderby row.EnteredAt descending
            select new { row.EnteredAt, tenant.Name, Project = project.Name, row.State, row.Reason }).Take(Most).ToListAsync(cancel))
            .Select(row => new News(row.EnteredAt, row.Name, $"/tenants/{row.Project}/{row.Name}", $"tenant is {row.State}", row.Reason)));
        news.AddRange((await data.AuditEntries.Where(entry => entry.Action != "request.refuse").Where(entry => all || (entry.ProjectId != null && visible.Contains(entry.ProjectId.Value)))
            .OrderByDescending(entry => entry.Sequence).Take(Most).Select(entry => new { entry.At, entry.Subject, entry.Action, entry.Actor }).ToListAsync(cancel))
            .Select(entry => new News(entry.At, entry.Subject, null, entry.Action, $"by {entry.Actor}")));
        return [.. news.OrderByDescending(item => item.At).Take(Most)];
    }

    private static string Words(Enum state, string reason, string owner, bool stalled) => stalled ? $"{state}, stalled: {owner} must act ({reason})" : $"{state}: {reason}";
}
