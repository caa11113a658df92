using Microsoft.AspNetCore.Mvc;
using Osv.Data.Lifecycles;
using Osv.Data.Projects;
using Osv.Web.Access;
using Osv.Web.Hosting;

namespace Osv.Web.Tenants;

/// <summary>Linux systems on cores of their own.</summary>
internal sealed class TenantsModule : IModule
{
    private delegate Task<TenantView> Command(Caller caller, string tenant, string? project, string? ifMatch, CancellationToken cancel);

    public void AddServices(WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<TenantQueries>();
        builder.Services.AddSingleton<TenantCommands>();
    }

    public void Map(IEndpointRouteBuilder site, RouteGroupBuilder api)
    {
        RouteGroupBuilder tenants = api.MapGroup("/tenants").WithTags("Tenants");
        tenants.MapGet("", (Caller caller, string? project, TenantState? state, string? node, [AsParameters] PageRequest page, TenantQueries queries, CancellationToken cancel) =>
                queries.ListAsync(caller, project, state, node, page, cancel))
            .Allow(Scopes.TenantsRead).WithName("ListTenants").WithSummary("Tenants that the caller may see, by name");
        tenants.MapPost("", async (Caller caller, CreateTenant request, TenantCommands commands, CancellationToken cancel) =>
            {
                TenantView tenant = await commands.CreateAsync(caller, request, cancel);
                return TypedResults.Created($"/api/v1/tenants/{tenant.Id}", tenant);
            })
            .Allow(Scopes.TenantsWrite, ProjectRole.Member).Idempotent().WithName("CreateTenant").WithSummary("Make a tenant; it is placed and started unless start is false");
        tenants.MapGet("/{tenant}", async (Caller caller, string tenant, string? project, HttpContext http, TenantQueries queries, CancellationToken cancel) =>
            {
                (TenantView view, string tag) = await queries.ShowAsync(caller, tenant, project, cancel);
                return ETags.Answer(http, view, tag);
            })
            .Allow(Scopes.TenantsRead, ProjectRole.Viewer).Produces<TenantView>().WithName("ShowTenant").WithSummary("One tenant");
        MapCommand(tenants.MapPost("/{tenant}/start", Run(commands => commands.StartAsync)), "StartTenant", "Want it to run");
        MapCommand(tenants.MapPost("/{tenant}/stop", Run(commands => commands.StopAsync)), "StopTenant", "Want it to be stopped; its place is freed");
        MapCommand(tenants.MapPost("/{tenant}/reboot", Run(commands => commands.RebootAsync)), "RebootTenant", "Restart it in its place");
        MapCommand(tenants.MapDelete("/{tenant}", Run(commands => commands.DeleteAsync)), "DeleteTenant", "Stop it and delete everything of it");
        tenants.MapGet("/{tenant}/timeline", (Caller caller, string tenant, string? project, TenantQueries queries, CancellationToken cancel) => queries.TimelineAsync(caller, tenant, project, cancel))
            .Allow(Scopes.TenantsRead, ProjectRole.Viewer).WithName("ShowTenantTimeline").WithSummary("Its transitions, what its agent saw last, and its health");
        tenants.MapGet("/{tenant}/exits", (Caller caller, string tenant, string? project, TenantQueries queries, CancellationToken cancel) => queries.ExitsAsync(caller, tenant, project, cancel))
            .Allow(Scopes.TenantsRead, ProjectRole.Viewer).WithName("ShowTenantExits").WithSummary("Exits to the monitor by reason since its start");
        tenants.MapGet("/{tenant}/exits/history", (Caller caller, string tenant, string? project, int? minutes, TenantQueries queries, CancellationToken cancel) =>
                queries.ExitHistoryAsync(caller, tenant, project, minutes ?? 60, cancel))
            .Allow(Scopes.TenantsRead, ProjectRole.Viewer).WithName("ShowTenantExitHistory").WithSummary("Readings of its exit counters");
    }

    private static Delegate Run(Func<TenantCommands, Command> command) =>
        (Caller caller, string tenant, string? project, [FromHeader(Name = "If-Match")] string? ifMatch, TenantCommands commands, CancellationToken cancel) =>
            command(commands)(caller, tenant, project, ifMatch, cancel);

    private static void MapCommand(RouteHandlerBuilder endpoint, string name, string summary) =>
        endpoint.Allow(Scopes.TenantsWrite, ProjectRole.Member).Idempotent().WithName(name).WithSummary(summary);
}
