using System.Collections.Immutable;
using Osv.Placement.Filters;
using Osv.Placement.Nodes;
using Osv.Placement.Plans;
using Osv.Placement.Requests;

namespace Osv.Placement.Gangs;

/// <summary>Places all replicas of a request or none: one after the other in a trial, which is taken back.</summary>
internal static class GangPlanner
{
    public static PlanResult Plan(Planner planner, PlacementRequest request, NodeSet? within)
    {
        // Replicas that must be together choose a rack or power domain with the first; if that one is too small, try the others.
        if (Together(planner.Fleet, request) is not { } index) return PlanIn(planner, request, within);
        PlanResult first = PlanIn(planner, request, within);
        if (first is GangPlan) return first;
        for (int domain = 0; domain < index.Count; domain++)
        {
            var inside = new NodeSet(planner.Fleet.NodeCount);
            foreach (int node in index.NodesOf(domain)) inside.Add(node);
            if (within is not null) inside.IntersectWith(within);
            if (!inside.IsEmpty && PlanIn(planner, request, inside) is GangPlan plan) return plan;
        }
        return first;
    }

    private static PlanResult PlanIn(Planner planner, PlacementRequest request, NodeSet? within)
    {
        using var trial = new Trial(planner.Fleet);
        ImmutableArray<Plan>.Builder replicas = ImmutableArray.CreateBuilder<Plan>(request.Replicas);
        for (int i = 0; i < request.Replicas; i++)
        {
            PlanResult result = planner.Plan(request with { Tenant = $"{request.Tenant}/{i}", Replicas = 1, DryRun = false }, within);
            if (result is not Plan plan) return Short(request, i, (Refusal)result);
            if (planner.TryCommit(trial, plan, candidate: 0) is { } conflict)
                throw new InvalidOperationException($"replica {i} of {request.Tenant} was planned but cannot be placed: {conflict.Text}");
            replicas.Add(plan with { Request = plan.Request with { DryRun = request.DryRun } });
        }
        return new GangPlan(request, replicas.MoveToImmutable());
    }

    private static Refusal Short(PlacementRequest request, int placed, Refusal next) => next with
    {
        Request = request,
        Text = $"{placed} of {request.Replicas} replicas fit; for the next, {next.Text}",
    };

    /// <summary>The racks or power domains of which one must hold the whole gang, while the group has no member yet.</summary>
    private static TopologyIndex? Together(Fleet fleet, PlacementRequest request)
    {
        foreach (AffinityRule rule in request.Affinity)
            if (!rule.Away && rule.Required && rule.Topology != Topology.Node && request.Groups.Contains(rule.Group)
                && fleet.Groups.Find(request.Project, rule.Group) is null or { Members.Count: 0 })
                return fleet.IndexOf(rule.Topology);
        return null;
    }
}
