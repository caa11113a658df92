using System.Globalization;
using MassTransit;
using Osv.Data.Projects;
using Osv.Web.Access;
using Osv.Web.Hosting;
using Osv.Web.Tenants;

namespace Osv.Web.Consoles;

/// <summary>What tenants print, and what people type.</summary>
internal sealed class ConsolesModule : IModule
{
    /// <summary>Header of an answer in plain bytes: where to go on.</summary>
    public const string NextHeader = "Osv-Console-Next";

    public void AddServices(WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ConsoleSignals>();
        builder.Services.AddSingleton<ConsoleHub>();
        builder.Services.AddSingleton<IConsoleReceiver>(provider => provider.GetRequiredService<ConsoleHub>());
        builder.Services.AddHostedService(provider => provider.GetRequiredService<ConsoleHub>());
        builder.Services.AddSingleton<ConsoleReader>();
        builder.Services.AddSingleton<ConsoleKeyboard>();
        builder.Services.AddSingleton<ConsoleFollower>();
        builder.Services.AddSingleton<ConsoleSocket>();
    }

    public void AddConsumers(IBusRegistrationConfigurator bus, string replica)
    {
        // A queue for every replica: which of them has the stream to a node only they know. It goes with the replica.
        bus.AddConsumer<ConsoleGrewConsumer>().Endpoint(Own);
        bus.AddConsumer<TypeIntoConsoleConsumer>().Endpoint(Own);

        void Own(IEndpointRegistrationConfigurator endpoint)
        {
            endpoint.Name = $"osv-consoles-{replica}";
            endpoint.Temporary = true;
        }
    }

    public void Map(IEndpointRouteBuilder site, RouteGroupBuilder api)
    {
        RouteGroupBuilder tenant = api.MapGroup("/tenants/{tenant}").WithTags("Consoles");
        tenant.MapGet("/log", LogAsync)
            .Allow(Scopes.TenantsRead, ProjectRole.Viewer).Produces<IReadOnlyList<LogLine>>().WithName("ShowTenantLog")
            .WithSummary("Lines of its console: those after a number, or the last ones; with 'Accept: text/plain' as text");
        tenant.MapGet("/log/follow", async (Caller caller, string tenant, string? project, long? after, HttpContext http, TenantQueries tenants, ConsoleFollower follower, CancellationToken cancel) =>
            {
                long? from = long.TryParse(http.Request.Headers["Last-Event-ID"], CultureInfo.InvariantCulture, out long last) ? last : after;
                // Before the stream begins, so that who may not see it gets 404 and not an empty stream.
                Guid id = (await tenants.ShowAsync(caller, tenant, project, cancel)).View.Id;
                return TypedResults.ServerSentEvents(follower.LinesAsync(caller, http.User, id, from, cancel));
            })
            .Allow(Scopes.TenantsRead, ProjectRole.Viewer).Produces(200, contentType: "text/event-stream").WithName("FollowTenantLog")
            .WithSummary("Lines of its console as server-sent events: line, partial (it has not ended yet, and is told again when it grew), and alive; Last-Event-ID goes on after a line");
        tenant.MapGet("/console", BytesAsync)
            .Allow(Scopes.TenantsRead, ProjectRole.Viewer).Produces<ConsolePage>().WithName("ShowTenantConsole")
            .WithSummary("Its console byte for byte, from a position on (negative: so many bytes before the end); with 'Accept: text/plain' the bytes alone, and where to go on in the header Osv-Console-Next");
        tenant.MapPost("/console", async (Caller caller, string tenant, string? project, TypeText request, ConsoleKeyboard keyboard, CancellationToken cancel) =>
            {
                await keyboard.TypeOnceAsync(caller, tenant, project, request, cancel);
                return TypedResults.NoContent();
            })
            .Allow(Scopes.TenantsWrite, ProjectRole.Member).WithName("TypeIntoTenantConsole").WithSummary("Type into its console");
        // Not part of the description: OpenAPI has no words for a WebSocket. src/Web/README.md has.
        tenant.MapGet("/console/attach", (Caller caller, string tenant, string? project, long? from, HttpContext http, ConsoleSocket sockets, CancellationToken cancel) => sockets.AttachAsync(http, caller, tenant, project, from, cancel))
            .Allow(Scopes.TenantsRead, ProjectRole.Viewer).ExcludeFromDescription().WithName("AttachTenantConsole");
    }

    private static async Task<IResult> LogAsync(
        Caller caller, string tenant, string? project, long? after, int? limit, string? search, HttpContext http, TenantQueries tenants, ConsoleReader reader, CancellationToken cancel)
    {
        Guid id = (await tenants.ShowAsync(caller, tenant, project, cancel)).View.Id;
        IReadOnlyList<LogLine> lines = await reader.LinesAsync(id, after, limit ?? 1000, search, cancel);
        return WantsText(http) ? Results.Text(string.Concat(lines.Select(line => line.Partial ? line.Text : line.Text + "\n")), "text/plain; charset=utf-8") : Results.Ok(lines);
    }

    private static async Task<IResult> BytesAsync(
        Caller caller, string tenant, string? project, long? from, int? limit, HttpContext http, TenantQueries tenants, ConsoleReader reader, CancellationToken cancel)
    {
        Guid id = (await tenants.ShowAsync(caller, tenant, project, cancel)).View.Id;
        ConsolePage page = await reader.BytesAsync(id, from ?? 0, limit ?? ConsoleReader.UsualBytes, cancel);
        if (!WantsText(http)) return Results.Ok(page);
        http.Response.Headers[NextHeader] = page.Next.ToString(CultureInfo.InvariantCulture);
        return Results.Bytes(page.Segments.SelectMany(segment => segment.Data).ToArray(), "text/plain; charset=utf-8");
    }

    private static bool WantsText(HttpContext http) => http.Request.GetTypedHeaders().Accept is { } accept && accept.Any(type => type.MediaType == "text/plain");
}
