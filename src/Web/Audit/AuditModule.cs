using Microsoft.EntityFrameworkCore;
using Osv.Data;
using Osv.Data.Access;
using Osv.Web.Access;
using Osv.Web.Hosting;

namespace Osv.Web.Audit;

/// <param name="Detail">JSON object of the action.</param>
/// <param name="Sha256">Hash of this entry and all before it, hexadecimal.</param>
public sealed record AuditView(long Sequence, DateTimeOffset At, string Actor, string Action, string Subject, string? Project, System.Text.Json.JsonElement Detail, string Sha256);

/// <param name="Intact">Every entry follows the one before and the last is the recorded end.</param>
/// <param name="Entries">How many were found good.</param>
/// <param name="Fault">What is wrong with the one after; null: nothing.</param>
/// <param name="Head">Hash of the last good entry, hexadecimal; noted elsewhere it proves that the chain was not replaced.</param>
public sealed record AuditVerdict(bool Intact, long Entries, string? Fault, string Head);

/// <summary>Reads and checks the audit log.</summary>
public sealed class AuditReader(IDbContextFactory<OsvDbContext> contexts)
{
    /// <summary>Newest first. Administrators see all; who owns projects sees what happened in them.</summary>
    public async Task<Page<AuditView>> ListAsync(Caller caller, PageRequest page, string? actor, string? action, CancellationToken cancel)
    {
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        long? before = page.After<long?>();
        Guid[] owned = [.. caller.VisibleProjects.Where(id => caller.RoleIn(id) == Data.Projects.ProjectRole.Owner)];
        bool all = caller.Has(SiteRole.Administrator);
        var rows = await (
            from entry in data.AuditEntries.AsNoTracking()
            where (all || (entry.ProjectId != null && owned.Contains(entry.ProjectId.Value)))
                && (before == null || entry.Sequence < before)
                && (actor == null || entry.Actor == actor)
                && (action == null || entry.Action.StartsWith(action))
            orderby entry.Sequence descending
            select new { Entry = entry, Project = data.Projects.Where(project => project.Id == entry.ProjectId).Select(project => project.Name).FirstOrDefault() })
            .Take(page.Take).ToListAsync(cancel);
        return page.Of(
            rows.ConvertAll(row => new AuditView(
                row.Entry.Sequence, row.Entry.At, row.Entry.Actor, row.Entry.Action, row.Entry.Subject, row.Project,
                System.Text.Json.JsonElement.Parse(row.Entry.Detail), Convert.ToHexStringLower(row.Entry.Sha256))),
            view => view.Sequence);
    }

    public async Task<AuditVerdict> VerifyAsync(Caller caller, CancellationToken cancel)
    {
        caller.Require(SiteRole.Administrator);
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        AuditVerification found = await AuditLog.VerifyAsync(data, cancel);
        return new AuditVerdict(found.Fault is null, found.Entries, found.Fault, Convert.ToHexStringLower(found.Head));
    }
}

/// <summary>Who did what.</summary>
internal sealed class AuditModule : IModule
{
    public void AddServices(WebApplicationBuilder builder) => builder.Services.AddSingleton<AuditReader>();

    public void Map(IEndpointRouteBuilder site, RouteGroupBuilder api)
    {
        RouteGroupBuilder audit = api.MapGroup("/audit").WithTags("Audit");
        audit.MapGet("", (Caller caller, [AsParameters] PageRequest page, string? actor, string? action, AuditReader reader, CancellationToken cancel) => reader.ListAsync(caller, page, actor, action, cancel))
            .Allow(Scopes.AuditRead).WithName("ListAudit").WithSummary("Entries, newest first: all for administrators, those of own projects for owners");
        audit.MapGet("/verify", (Caller caller, AuditReader reader, CancellationToken cancel) => reader.VerifyAsync(caller, cancel))
            .Allow(Scopes.AuditRead, SiteRole.Administrator).WithName("VerifyAudit").WithSummary("Recompute the hash chain from its beginning");
    }
}
