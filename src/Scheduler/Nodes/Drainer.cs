using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Osv.Data;
using Osv.Placement.Draining;
using Osv.Placement.Nodes;
using Osv.Scheduler.Fleets;
using Osv.Scheduler.Placing;

namespace Osv.Scheduler.Nodes;

/// <summary>A tenant that keeps a node from being drained.</summary>
public sealed record Blocker(Guid TenantId, string Tenant, string Reason);

/// <summary>What draining a node would do.</summary>
/// <param name="Moves">Tenants that have another place, in the order in which they would leave.</param>
/// <param name="Leaving">Tenants that are stopping already, and neither move nor block.</param>
public sealed record DrainPreflight(IReadOnlyList<(Guid TenantId, string Tenant, string To)> Moves, IReadOnlyList<Blocker> Blockers, IReadOnlySet<Guid> Leaving);

/// <summary>Moves tenants off a node, a few at a time, once there is a place for every one of them. One thread at a time.</summary>
public sealed class Drainer(IDbContextFactory<OsvDbContext> contexts, Npgsql.NpgsqlDataSource source, FleetCache cache, SchedulerOptions options)
{
    /// <summary>Looks for a place for every tenant of a node; changes nothing. Null: the node is not part of the fleet.</summary>
    public async Task<DrainPreflight?> PreflightAsync(string node, CancellationToken cancel) => Preflight(await cache.RefreshAsync(cancel), node);

    /// <summary>The same on a snapshot, which stays as it is.</summary>
    public static DrainPreflight? Preflight(FleetSnapshot fleet, string node)
    {
        int index = fleet.Fleet.FindNode(node);
        if (index < 0) return null;
        var leaving = fleet.Fleet.TenantsOn(index).Where(tenant => tenant.Request.Priority == int.MinValue).Select(tenant => Guid.Parse(tenant.Name)).ToHashSet();
        DrainReport report = DrainPlanner.Preflight(fleet.Planner, index);
        return new DrainPreflight(
            [.. report.Moves.Where(move => !leaving.Contains(Id(move.Tenant))).Select(move => (Id(move.Tenant), Name(move.Tenant), move.To.Best.Node))],
            [.. report.Blockers.Where(blocker => !leaving.Contains(Id(blocker.Tenant))).Select(blocker => new Blocker(Id(blocker.Tenant), Name(blocker.Tenant), blocker.Reason))],
            leaving);

        static Guid Id(string tenant) => Guid.Parse(tenant);
        string Name(string tenant) => fleet.Placed.TryGetValue(Id(tenant), out TenantRequest? request) ? request.Name : tenant;
    }

    /// <summary>Starts the next moves of a draining node, or says what blocks.</summary>
    public async Task StepAsync(Guid id, string node, CancellationToken cancel)
    {
        DrainPreflight? preflight = await PreflightAsync(node, cancel);
        string reason;
        if (preflight is null)
        {
            reason = "it contradicts its inventory, so that nothing can be planned for it: see the scheduler's log";
        }
        else if (preflight.Blockers.Count > 0)
        {
            int all = preflight.Moves.Count + preflight.Blockers.Count;
            reason = string.Create(CultureInfo.InvariantCulture, $"{preflight.Blockers.Count} of {all} tenants block: {string.Join("; ", preflight.Blockers.Select(blocker => $"{blocker.Tenant} {blocker.Reason}"))}");
        }
        else
        {
            Guid[] next = [.. preflight.Moves.Select(move => move.TenantId).Take(Math.Max(0, options.Nodes.MovesAtOnce - preflight.Leaving.Count))];
            int stopping = preflight.Leaving.Count;
            if (next.Length > 0) stopping += (await Displacement.StopAsync(source, next, $"{node} is drained", options.Tenants.StoppingWithin, cancel)).Count;
            reason = string.Create(CultureInfo.InvariantCulture, $"{preflight.Moves.Count + preflight.Leaving.Count} tenants left, {stopping} of them stopping");
        }
        await using OsvDbContext context = await contexts.CreateDbContextAsync(cancel);
        await context.Database.ExecuteSqlAsync($"UPDATE node_lifecycles SET reason = {reason} WHERE node_id = {id} AND state = 'Draining'", cancel);
    }
}
