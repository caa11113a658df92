using Microsoft.EntityFrameworkCore;
using Osv.Data;
using Osv.Data.Access;
using Osv.Data.Projects;
using Osv.Web.Access;
using Osv.Web.Audit;
using Osv.Web.Hosting;

namespace Osv.Web.Projects;

/// <summary>Projects, their members and quotas.</summary>
public sealed class ProjectRegister(IDbContextFactory<OsvDbContext> contexts, ProjectLookup lookup, AuditTrail audit, TimeProvider time)
{
    public async Task<Page<ProjectView>> ListAsync(Caller caller, PageRequest page, CancellationToken cancel)
    {
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        string? after = page.After<string>();
        Guid[] visible = caller.VisibleProjects;
        bool all = caller.SeesAllProjects;
        List<Row> rows = await Rows(data, data.Projects.Where(project => (all || visible.Contains(project.Id)) && (after == null || string.Compare(project.Name, after) > 0)))
            .OrderBy(row => row.Project.Name).Take(page.Take).ToListAsync(cancel);
        return page.Of(rows.ConvertAll(row => View(caller, row)), view => view.Name);
    }

    public async Task<(ProjectView View, string Tag)> ShowAsync(Caller caller, string project, CancellationToken cancel)
    {
        Project found = await lookup.FindAsync(caller, project, ProjectRole.Viewer, cancel);
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        Row row = await Rows(data, data.Projects.Where(p => p.Id == found.Id)).SingleAsync(cancel);
        return (View(caller, row), Tag(row.Project, row.Quota));
    }

    public async Task<ProjectView> CreateAsync(Caller caller, CreateProject request, CancellationToken cancel)
    {
        caller.Require(SiteRole.Administrator);
        new CreateProjectValidator().Check(request);
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        OsvUser owner = await FindUserAsync(data, request.Owner ?? caller.UserName, cancel);
        DateTimeOffset now = time.GetUtcNow();
        var project = new Project { Id = Guid.CreateVersion7(), Name = request.Name, CreatedAt = now };
        data.Projects.Add(project);
        data.ProjectMembers.Add(new ProjectMember { ProjectId = project.Id, UserId = owner.Id, Role = ProjectRole.Owner, AddedAt = now });
        await audit.SaveAsync(data, caller.Actor, "project.create", request.Name, project.Id, new { owner = owner.UserName }, cancel);
        return View(caller, await Rows(data, data.Projects.Where(p => p.Id == project.Id)).SingleAsync(cancel));
    }

    /// <summary>Deletes a project that has no tenant, image or job left.</summary>
    public async Task DeleteAsync(Caller caller, string name, string? ifMatch, CancellationToken cancel)
    {
        caller.Require(SiteRole.Administrator);
        Project project = await lookup.FindAsync(caller, name, ProjectRole.Owner, cancel);
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        ETags.Check(ifMatch, Tag(project, await data.ProjectQuotas.AsNoTracking().SingleOrDefaultAsync(row => row.ProjectId == project.Id, cancel)));
        int tenants = await data.Tenants.CountAsync(row => row.ProjectId == project.Id, cancel);
        int images = await data.Images.CountAsync(row => row.ProjectId == project.Id, cancel), jobs = await data.PlacementJobs.CountAsync(row => row.ProjectId == project.Id, cancel);
        if (tenants + images + jobs > 0) throw RefusalException.Conflict($"project '{project.Name}' has {tenants} tenants, {images} images and {jobs} jobs: delete them first");
        data.Projects.Remove(project);
        await audit.SaveAsync(data, caller.Actor, "project.delete", project.Name, project.Id, new { }, cancel);
    }

    public async Task<(ResourceAmounts Quota, string Tag)> QuotaAsync(Caller caller, string name, CancellationToken cancel)
    {
        (ProjectView view, string tag) = await ShowAsync(caller, name, cancel);
        return (view.Quota, tag);
    }

    public async Task<ResourceAmounts> SetQuotaAsync(Caller caller, string name, ResourceAmounts request, string? ifMatch, CancellationToken cancel)
    {
        caller.Require(SiteRole.Administrator);
        new QuotaValidator().Check(request);
        Project project = await lookup.FindAsync(caller, name, ProjectRole.Owner, cancel);
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        ProjectQuota? quota = await data.ProjectQuotas.SingleOrDefaultAsync(row => row.ProjectId == project.Id, cancel);
        ETags.Check(ifMatch, Tag(project, quota));
        if (quota is null)
        {
            quota = new ProjectQuota { ProjectId = project.Id };
            data.ProjectQuotas.Add(quota);
        }
        (quota.Cores, quota.MemoryBytes, quota.Devices, quota.Placements) = (request.Cores, request.MemoryBytes, request.Devices, request.Placements);
        await audit.SaveAsync(data, caller.Actor, "project.quota", project.Name, project.Id, request, cancel);
        return request;
    }

    public async Task<IReadOnlyList<MemberView>> MembersAsync(Caller caller, string name, CancellationToken cancel)
    {
        Project project = await lookup.FindAsync(caller, name, ProjectRole.Viewer, cancel);
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        return await (
            from member in data.ProjectMembers.AsNoTracking()
            join user in data.Users on member.UserId equals user.Id
            where member.ProjectId == project.Id
            orderby user.UserName
            select new MemberView(user.UserName!, member.Role, member.AddedAt)).ToListAsync(cancel);
    }

    public async Task<MemberView> SetMemberAsync(Caller caller, string name, string userName, SetMember request, CancellationToken cancel)
    {
        Project project = await lookup.FindAsync(caller, name, ProjectRole.Owner, cancel);
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        OsvUser user = await FindUserAsync(data, userName, cancel);
        ProjectMember? member = await data.ProjectMembers.SingleOrDefaultAsync(row => row.ProjectId == project.Id && row.UserId == user.Id, cancel);
        if (member is null)
        {
            member = new ProjectMember { ProjectId = project.Id, UserId = user.Id, Role = request.Role, AddedAt = time.GetUtcNow() };
            data.ProjectMembers.Add(member);
        }
        else
        {
            if (member.Role == ProjectRole.Owner && request.Role != ProjectRole.Owner) await RequireOtherOwnerAsync(data, project, user, cancel);
            member.Role = request.Role;
        }
        await audit.SaveAsync(data, caller.Actor, "project.member", project.Name, project.Id, new { user = user.UserName, request.Role }, cancel);
        return new MemberView(user.UserName!, member.Role, member.AddedAt);
    }

    public async Task RemoveMemberAsync(Caller caller, string name, string userName, CancellationToken cancel)
    {
        Project project = await lookup.FindAsync(caller, name, ProjectRole.Owner, cancel);
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        OsvUser user = await FindUserAsync(data, userName, cancel);
        ProjectMember member = await data.ProjectMembers.SingleOrDefaultAsync(row => row.ProjectId == project.Id && row.UserId == user.Id, cancel)
            ?? throw RefusalException.NotFound("member", userName);
        if (member.Role == ProjectRole.Owner) await RequireOtherOwnerAsync(data, project, user, cancel);
        data.ProjectMembers.Remove(member);
        await audit.SaveAsync(data, caller.Actor, "project.member", project.Name, project.Id, new { user = user.UserName, role = (string?)null }, cancel);
    }

    private static async Task RequireOtherOwnerAsync(OsvDbContext data, Project project, OsvUser user, CancellationToken cancel)
    {
        bool other = await data.ProjectMembers.AnyAsync(row => row.ProjectId == project.Id && row.UserId != user.Id && row.Role == ProjectRole.Owner, cancel);
        if (!other) throw RefusalException.Conflict($"'{user.UserName}' is the last owner of project '{project.Name}': make someone else owner first");
    }

    private static async Task<OsvUser> FindUserAsync(OsvDbContext data, string name, CancellationToken cancel)
    {
        string normalized = name.ToUpperInvariant();
        return await data.Users.AsNoTracking().SingleOrDefaultAsync(user => user.NormalizedUserName == normalized, cancel) ?? throw RefusalException.NotFound("user", name);
    }

    private static string Tag(Project project, ProjectQuota? quota) => ETags.Of(project.RowVersion, quota?.RowVersion ?? 0);

    private static ProjectView View(Caller caller, Row row) => new(
        row.Project.Id, row.Project.Name, caller.RoleIn(row.Project.Id) ?? ProjectRole.Owner, row.Tenants,
        new ResourceAmounts(row.Usage?.Cores ?? 0, row.Usage?.MemoryBytes ?? 0, row.Usage?.Devices ?? 0, row.Usage?.Placements ?? 0),
        new ResourceAmounts(row.Quota?.Cores, row.Quota?.MemoryBytes, row.Quota?.Devices, row.Quota?.Placements),
        row.Project.CreatedAt);

    private static IQueryable<Row> Rows(OsvDbContext data, IQueryable<Project> projects) =>
        from project in projects.AsNoTracking()
        join used in data.ProjectUsages on project.Id equals used.ProjectId into usages
        from usage in usages.DefaultIfEmpty()
        join allowed in data.ProjectQuotas on project.Id equals allowed.ProjectId into quotas
        from quota in quotas.DefaultIfEmpty()
        select new Row
        {
            Project = project,
            Usage = usage,
            Quota = quota,
            Tenants = data.Tenants.Count(tenant => tenant.ProjectId == project.Id),
        };

    private sealed class Row
    {
        public required Project Project { get; init; }

        public ProjectUsage? Usage { get; init; }

        public ProjectQuota? Quota { get; init; }

        public int Tenants { get; init; }
    }
}
