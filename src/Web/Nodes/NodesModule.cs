using Microsoft.AspNetCore.Mvc;
using Osv.Data.Access;
using Osv.Data.Lifecycles;
using Osv.Web.Access;
using Osv.Web.Hosting;

namespace Osv.Web.Nodes;

/// <summary>Machines of the racks.</summary>
internal sealed class NodesModule : IModule
{
    private delegate Task<NodeView> Command(Caller caller, string node, string? ifMatch, CancellationToken cancel);

    public void AddServices(WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<NodeQueries>();
        builder.Services.AddSingleton<NodeCommands>();
    }

    public void Map(IEndpointRouteBuilder site, RouteGroupBuilder api)
    {
        RouteGroupBuilder nodes = api.MapGroup("/nodes").WithTags("Nodes");
        nodes.MapGet("", (Caller caller, NodeState? state, [AsParameters] PageRequest page, NodeQueries queries, CancellationToken cancel) => queries.ListAsync(caller, state, page, cancel))
            .Allow(Scopes.NodesRead, SiteRole.Operator).WithName("ListNodes").WithSummary("All nodes, by name");
        nodes.MapPost("", async (Caller caller, RegisterNode request, NodeCommands commands, CancellationToken cancel) =>
            {
                NodeView node = await commands.RegisterAsync(caller, request, cancel);
                return TypedResults.Created($"/api/v1/nodes/{node.Id}", node);
            })
            .Allow(Scopes.NodesWrite, SiteRole.Operator).Idempotent().WithName("RegisterNode").WithSummary("Register a serial number, so that the machine is let in when it first boots");
        nodes.MapGet("/{node}", async (Caller caller, string node, HttpContext http, NodeQueries queries, CancellationToken cancel) =>
            {
                (NodeDetail detail, string tag) = await queries.ShowAsync(caller, node, cancel);
                return ETags.Answer(http, detail, tag);
            })
            .Allow(Scopes.NodesRead, SiteRole.Operator).Produces<NodeDetail>().WithName("ShowNode").WithSummary("One node with topology, devices, partitions and health");
        nodes.MapGet("/{node}/timeline", (Caller caller, string node, NodeQueries queries, CancellationToken cancel) => queries.TimelineAsync(caller, node, cancel))
            .Allow(Scopes.NodesRead, SiteRole.Operator).WithName("ShowNodeTimeline").WithSummary("Its transitions and boots, step by step");
        nodes.MapGet("/{node}/events", (Caller caller, string node, int? limit, NodeQueries queries, CancellationToken cancel) => queries.EventsAsync(caller, node, limit, cancel))
            .Allow(Scopes.NodesRead, SiteRole.Operator).WithName("ListNodeEvents").WithSummary("What its monitor recorded last, the newest first");
        nodes.MapGet("/{node}/log", (Caller caller, string node, int? limit, NodeQueries queries, CancellationToken cancel) => queries.LogAsync(caller, node, limit, cancel))
            .Allow(Scopes.NodesRead, SiteRole.Operator).WithName("ShowNodeLog").WithSummary("What its agent said last, the newest first");
        nodes.MapGet("/{node}/drain", (Caller caller, string node, NodeQueries queries, CancellationToken cancel) => queries.PreviewDrainAsync(caller, node, cancel))
            .Allow(Scopes.NodesRead, SiteRole.Operator).WithName("PreviewNodeDrain").WithSummary("What a drain would move and where to, and what would block it; changes nothing");
        MapCommand(nodes.MapPost("/{node}/approve", Run(commands => commands.ApproveAsync)), "ApproveNode", "Let it into the fleet");
        MapCommand(nodes.MapPost("/{node}/drain", Run(commands => commands.DrainAsync)), "DrainNode", "Take no new tenants and move the present ones away");
        MapCommand(nodes.MapPost("/{node}/uncordon", Run(commands => commands.UncordonAsync)), "UncordonNode", "Take tenants again");
        MapCommand(nodes.MapPost("/{node}/reset", Run(commands => commands.ResetAsync)), "ResetNode", "Reset the machine, with everything that runs on it");
        MapCommand(nodes.MapPost("/{node}/power-off", Run(commands => commands.PowerOffAsync)), "PowerOffNode", "Switch the machine off, with everything that runs on it");
        MapCommand(nodes.MapDelete("/{node}", Run(commands => commands.DeleteAsync)), "DeleteNode", "Retire an empty node for good");
    }

    private static Delegate Run(Func<NodeCommands, Command> command) =>
        (Caller caller, string node, [FromHeader(Name = "If-Match")] string? ifMatch, NodeCommands commands, CancellationToken cancel) => command(commands)(caller, node, ifMatch, cancel);

    private static void MapCommand(RouteHandlerBuilder endpoint, string name, string summary) =>
        endpoint.Allow(Scopes.NodesWrite, SiteRole.Operator).Idempotent().WithName(name).WithSummary(summary);
}
