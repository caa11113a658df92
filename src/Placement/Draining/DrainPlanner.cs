using System.Collections.Immutable;
using Osv.Placement.Nodes;
using Osv.Placement.Plans;
using Osv.Placement.Requests;

namespace Osv.Placement.Draining;

/// <summary>A tenant and where it can go.</summary>
public sealed record TenantMove(string Tenant, string From, Plan To);

/// <summary>A tenant that cannot leave, and why.</summary>
public sealed record DrainBlocker(string Tenant, string Reason);

/// <summary>What draining a node would do. It can be drained when nothing blocks; the moves hold together, in this order.</summary>
public sealed record DrainReport(string Node, ImmutableArray<TenantMove> Moves, ImmutableArray<DrainBlocker> Blockers)
{
    public bool CanDrain => Blockers.IsEmpty;
}

/// <summary>The preflight of a drain: looks for a place for every tenant before the first is touched.</summary>
public static class DrainPlanner
{
    public static DrainReport Preflight(Planner planner, int node)
    {
        using var trial = new Trial(planner.Fleet);
        trial.SetState(node, NodeState.Drained);
        (ImmutableArray<TenantMove> moves, ImmutableArray<DrainBlocker> blockers) = MoveAll(planner, trial, node, within: null);
        return new DrainReport(planner.Fleet.Nodes[node].Name, moves, blockers);
    }

    /// <summary>Moves tenants off a node within a trial, large ones first; blockers stay where they are.</summary>
    internal static (ImmutableArray<TenantMove> Moves, ImmutableArray<DrainBlocker> Blockers) MoveAll(Planner planner, Trial trial, int node, NodeSet? within)
    {
        string name = planner.Fleet.Nodes[node].Name;
        ImmutableArray<TenantMove>.Builder moves = ImmutableArray.CreateBuilder<TenantMove>();
        ImmutableArray<DrainBlocker>.Builder blockers = ImmutableArray.CreateBuilder<DrainBlocker>();
        foreach (PlacedTenant tenant in planner.Fleet.TenantsOn(node).OrderByDescending(tenant => tenant.Request.Cores).ThenBy(tenant => tenant.Name, StringComparer.Ordinal).ToList())
        {
            if (tenant.Request.Pinned)
            {
                blockers.Add(new DrainBlocker(tenant.Name, $"is pinned to node {name}: unpin it or stop it"));
                continue;
            }
            int depth = trial.Depth;
            trial.Remove(tenant);
            PlanResult result = planner.Plan(tenant.Request with { MayPreempt = false, Claims = null, Replicas = 1, DryRun = false }, within);
            if (result is Plan plan && planner.TryCommit(trial, plan, candidate: 0) is null) moves.Add(new TenantMove(tenant.Name, name, plan));
            else
            {
                trial.RollBack(depth);
                blockers.Add(new DrainBlocker(tenant.Name, $"has no other place: {((Refusal)result).Text}"));
            }
        }
        return (moves.DrainToImmutable(), blockers.DrainToImmutable());
    }
}
