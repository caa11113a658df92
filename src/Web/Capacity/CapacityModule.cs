using Microsoft.EntityFrameworkCore;
using Osv.Contracts.ControlDevice;
using Osv.Data;
using Osv.Data.Lifecycles;
using Osv.Placement.Nodes;
using Osv.Placement.Requests;
using Osv.Web.Access;
using Osv.Web.Hosting;
using NodeState = Osv.Data.Lifecycles.NodeState;
using PlanState = Osv.Placement.Nodes.NodeState;

namespace Osv.Web.Capacity;

/// <param name="Nodes">Count by state.</param>
/// <param name="Tenants">Count by state, of the projects that the caller may see.</param>
/// <param name="Cores">Hardware threads that can be sold on nodes that are ready and healthy.</param>
/// <param name="FreeCores">That are not sold there.</param>
/// <param name="LargestInOneCell">Largest tenants that would fit into one NUMA cell now.</param>
/// <param name="LargestOnOneNode">Largest tenants that would fit on one node now.</param>
public sealed record CapacityView(
    IReadOnlyDictionary<NodeState, int> Nodes, IReadOnlyDictionary<TenantState, int> Tenants, int Cores, int FreeCores, long MemoryBytes, long FreeMemoryBytes,
    IReadOnlyList<Shape> LargestInOneCell, IReadOnlyList<Shape> LargestOnOneNode);

/// <summary>Counts what the fleet has, and what could still be placed.</summary>
public sealed class CapacityQueries(IDbContextFactory<OsvDbContext> contexts, FleetView fleet)
{
    public async Task<CapacityView> ShowAsync(Caller caller, CancellationToken cancel)
    {
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        Guid[] visible = caller.VisibleProjects;
        bool all = caller.SeesAllProjects;
        Dictionary<NodeState, int> nodes = await data.NodeLifecycles.GroupBy(row => row.State).Select(group => new { group.Key, Count = group.Count() }).ToDictionaryAsync(group => group.Key, group => group.Count, cancel);
        Dictionary<TenantState, int> tenants = await data.TenantLifecycles.Where(row => all || data.Tenants.Any(tenant => tenant.Id == row.TenantId && visible.Contains(tenant.ProjectId))).GroupBy(row => row.State).Select(group => new { group.Key, Count = group.Count() }).ToDictionaryAsync(group => group.Key, group => group.Count, cancel);
        return await fleet.ReadAsync(
            snapshot =>
            {
                (int cores, int freeCores, long units, long freeUnits) = (0, 0, 0, 0);
                foreach ((int width, NodeSet set) in snapshot.ByWidth)
                {
                    foreach (int node in set)
                    {
                        if (snapshot.Fleet.StateOf(node) != PlanState.Ready) continue;
                        cores += snapshot.Fleet.Whole.CoresOf(node)[0] * width;
                        freeCores += snapshot.Fleet.Whole.FreeCoresOf(node)[0] * width;
                        units += snapshot.Fleet.Whole.UnitsOf(node)[0];
                        freeUnits += snapshot.Fleet.Whole.FreeUnitsOf(node)[0];
                    }
                }
                return new CapacityView(
                    nodes, tenants, cores, freeCores, units * (long)ControlLayout.PageBytes, freeUnits * (long)ControlLayout.PageBytes,
                    LargestShapes.In(snapshot, NumaPolicy.OneCell), LargestShapes.In(snapshot, NumaPolicy.FewestCells));
            },
            cancel);
    }
}

/// <summary>What the fleet can still take.</summary>
internal sealed class CapacityModule : IModule
{
    public void AddServices(WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<FleetView>();
        builder.Services.AddSingleton<CapacityQueries>();
    }

    public void Map(IEndpointRouteBuilder site, RouteGroupBuilder api) =>
        api.MapGet("/capacity", (Caller caller, CapacityQueries queries, CancellationToken cancel) => queries.ShowAsync(caller, cancel))
            .Allow(Scopes.CapacityRead).WithTags("Capacity").WithName("ShowCapacity").WithSummary("Counts by state, and the largest tenants that would fit now");
}
