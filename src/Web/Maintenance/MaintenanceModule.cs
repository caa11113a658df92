using Hangfire;
using Osv.Data.Access;
using Osv.Web.Access;
using Osv.Web.Audit;
using Osv.Web.Hosting;

namespace Osv.Web.Maintenance;

/// <summary>Hangfire's dashboard of the periodic work, for administrators.</summary>
internal sealed class MaintenanceModule : IModule
{
    public const string Path = "/hangfire";

    /// <summary>What the dashboard asks by itself, every few seconds.</summary>
    private const string Statistics = Path + "/stats";

    public void AddServices(WebApplicationBuilder builder)
    {
    }

    public void Map(IEndpointRouteBuilder site, RouteGroupBuilder api)
    {
        IEndpointConventionBuilder dashboard = site.MapHangfireDashboard(Path, new DashboardOptions
        {
            // The endpoint has our own rule; Hangfire's would let in whoever asks from this machine.
            Authorization = [],
            AppPath = "/",
            DashboardTitle = "OSV Cloud maintenance",
            DisplayStorageConnectionString = false,
        });
        dashboard.Allow(Scopes.All, SiteRole.Administrator).WithDisplayName("Maintenance");
        dashboard.Add(endpoint =>
        {
            RequestDelegate inner = endpoint.RequestDelegate!;
            endpoint.RequestDelegate = context => InvokeAsync(context, inner);
        });
    }

    /// <summary>What someone starts, repeats or deletes there is an entry of the audit log.</summary>
    private static async Task InvokeAsync(HttpContext context, RequestDelegate inner)
    {
        await inner(context);
        if (!HttpMethods.IsPost(context.Request.Method) || context.Request.Path.StartsWithSegments(Statistics) || context.Response.StatusCode >= 400) return;
        await context.RequestServices.GetRequiredService<AuditTrail>().RecordAsync(
            context.FindCaller()!.Actor, "maintenance.change", AuditTrail.Shorten(context.Request.Path), null, new { status = context.Response.StatusCode }, CancellationToken.None);
    }
}
