using Osv.Placement.Filters;
using Osv.Placement.Nodes;
using Osv.Placement.Plans;
using Osv.Placement.Requests;

namespace Osv.Placement.Preemption;

/// <summary>
/// Finds the node where stopping tenants of lower priority hurts least: lowest highest priority first, then fewest victims,
/// then fewest cores, then the first node. Never a tenant of the request's own priority or above.
/// </summary>
internal static class PreemptionPlanner
{
    private readonly record struct Cost(int Priority, int Victims, int Cores) : IComparable<Cost>
    {
        public int CompareTo(Cost other) => (Priority, Victims, Cores).CompareTo((other.Priority, other.Victims, other.Cores));
    }

    private readonly record struct Prospect(int Node, Cost AtLeast);

    public static Plan? Plan(Planner planner, Query query, NodeSet? within)
    {
        Fleet fleet = query.Fleet;
        List<Prospect> prospects = Prospects(query, within);
        prospects.Sort((a, b) => a.AtLeast.CompareTo(b.AtLeast) is var order and not 0 ? order : a.Node.CompareTo(b.Node));
        Cost best = new(int.MaxValue, 0, 0);
        int bestNode = -1;
        List<PlacedTenant>? victims = null;
        foreach (Prospect prospect in prospects)
        {
            if (prospect.AtLeast.CompareTo(best) > 0) break;
            if (VictimSearch.Find(query, prospect.Node) is not { } found) continue;
            var cost = new Cost(found.Max(victim => victim.Request.Priority), found.Count, found.Sum(victim => victim.Request.Cores));
            if (cost.CompareTo(best) is var order && (order > 0 || (order == 0 && prospect.Node > bestNode))) continue;
            (best, bestNode, victims) = (cost, prospect.Node, found);
        }
        if (victims is null) return null;
        using var trial = new Trial(fleet);
        foreach (PlacedTenant victim in victims) trial.Remove(victim);
        var plan = (Plan)planner.Plan(query.Request with { MayPreempt = false, Alternatives = 0 }, planner.Only(bestNode));
        return plan with { Request = query.Request, Releases = [.. victims.Select(victim => victim.Name)] };
    }

    /// <summary>Nodes where victims might make room, with a cost that no choice of victims there can undercut.</summary>
    private static List<Prospect> Prospects(Query query, NodeSet? within)
    {
        Fleet fleet = query.Fleet;
        var nodes = new NodeSet(fleet.NodeCount);
        if (within is null) nodes.Fill();
        else nodes.CopyFrom(within);
        RuleFilters.State(query, nodes, tally: null);
        RuleFilters.Labels(query, nodes, tally: null);
        var prospects = new List<Prospect>();
        foreach (int node in nodes)
        {
            List<PlacedTenant> lower = VictimSearch.Lower(query, node);
            if (lower.Count == 0) continue;
            int cores = fleet.Whole.FreeCores[node], units = fleet.Whole.FreeUnits[node], priority = lower[0].Request.Priority, taken = 0;
            while (taken < lower.Count && (cores < query.Cores || units < query.Units))
            {
                cores += lower[taken].Request.Cores;
                units += lower[taken].Request.MemoryUnits;
                priority = lower[taken++].Request.Priority;
            }
            if (cores >= query.Cores && units >= query.Units) prospects.Add(new Prospect(node, new Cost(priority, 1, 0)));
        }
        return prospects;
    }
}
