using Microsoft.AspNetCore.Mvc;
using Osv.Data.Access;
using Osv.Data.Projects;
using Osv.Web.Access;
using Osv.Web.Hosting;

namespace Osv.Web.Projects;

/// <summary>Who shares what, and how much of it.</summary>
internal sealed class ProjectsModule : IModule
{
    public void AddServices(WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ProjectLookup>();
        builder.Services.AddSingleton<ProjectRegister>();
    }

    public void Map(IEndpointRouteBuilder site, RouteGroupBuilder api)
    {
        RouteGroupBuilder projects = api.MapGroup("/projects").WithTags("Projects");
        projects.MapGet("", (Caller caller, [AsParameters] PageRequest page, ProjectRegister register, CancellationToken cancel) => register.ListAsync(caller, page, cancel))
            .Allow(Scopes.ProjectsRead).WithName("ListProjects").WithSummary("Projects that the caller may see, by name");
        projects.MapPost("", async (Caller caller, CreateProject request, ProjectRegister register, CancellationToken cancel) =>
            {
                ProjectView project = await register.CreateAsync(caller, request, cancel);
                return TypedResults.Created($"/api/v1/projects/{project.Name}", project);
            })
            .Allow(Scopes.ProjectsWrite, SiteRole.Administrator).Idempotent().WithName("CreateProject").WithSummary("Make a project");
        projects.MapGet("/{project}", async (Caller caller, string project, HttpContext http, ProjectRegister register, CancellationToken cancel) =>
            {
                (ProjectView view, string tag) = await register.ShowAsync(caller, project, cancel);
                return ETags.Answer(http, view, tag);
            })
            .Allow(Scopes.ProjectsRead, ProjectRole.Viewer).Produces<ProjectView>().WithName("ShowProject").WithSummary("One project with usage and quota");
        projects.MapDelete("/{project}", async (Caller caller, string project, [FromHeader(Name = "If-Match")] string? ifMatch, ProjectRegister register, CancellationToken cancel) =>
            {
                await register.DeleteAsync(caller, project, ifMatch, cancel);
                return TypedResults.NoContent();
            })
            .Allow(Scopes.ProjectsWrite, SiteRole.Administrator).WithName("DeleteProject").WithSummary("Delete an empty project");
        projects.MapGet("/{project}/quota", async (Caller caller, string project, HttpContext http, ProjectRegister register, CancellationToken cancel) =>
            {
                (ResourceAmounts quota, string tag) = await register.QuotaAsync(caller, project, cancel);
                return ETags.Answer(http, quota, tag);
            })
            .Allow(Scopes.ProjectsRead, ProjectRole.Viewer).Produces<ResourceAmounts>().WithName("ShowQuota").WithSummary("Quota of a project");
        projects.MapPut("/{project}/quota", (Caller caller, string project, ResourceAmounts quota, [FromHeader(Name = "If-Match")] string? ifMatch, ProjectRegister register, CancellationToken cancel) =>
                register.SetQuotaAsync(caller, project, quota, ifMatch, cancel))
            .Allow(Scopes.ProjectsWrite, SiteRole.Administrator).WithName("SetQuota").WithSummary("Set the quota of a project; below its usage it takes nothing away");
        projects.MapGet("/{project}/members", (Caller caller, string project, ProjectRegister register, CancellationToken cancel) => register.MembersAsync(caller, project, cancel))
            .Allow(Scopes.ProjectsRead, ProjectRole.Viewer).WithName("ListMembers").WithSummary("Members of a project");
        projects.MapPut("/{project}/members/{user}", (Caller caller, string project, string user, SetMember request, ProjectRegister register, CancellationToken cancel) =>
                register.SetMemberAsync(caller, project, user, request, cancel))
            .Allow(Scopes.ProjectsWrite, ProjectRole.Owner).WithName("SetMember").WithSummary("Add a member or change their role");
        projects.MapDelete("/{project}/members/{user}", async (Caller caller, string project, string user, ProjectRegister register, CancellationToken cancel) =>
            {
                await register.RemoveMemberAsync(caller, project, user, cancel);
                return TypedResults.NoContent();
            })
            .Allow(Scopes.ProjectsWrite, ProjectRole.Owner).WithName("RemoveMember").WithSummary("Remove a member");
    }
}
