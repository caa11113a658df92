using Osv.Placement.Filters;
using Osv.Placement.Nodes;
using Osv.Placement.Requests;

namespace Osv.Placement.Preemption;

/// <summary>
/// The victims on one node: with the lowest priorities that help at all, the fewest of them. Exact up to a number of trials
/// that a dozen tenants do not reach; beyond it a set from which none can be left out.
/// </summary>
internal static class VictimSearch
{
    private const int MaxSteps = 5000;

    /// <summary>Tenants of lower priority than the request's, lowest first.</summary>
    public static List<PlacedTenant> Lower(Query query, int node)
    {
        var lower = new List<PlacedTenant>();
        foreach (PlacedTenant tenant in query.Fleet.TenantsOn(node))
            if (tenant.Request.Priority < query.Request.Priority) lower.Add(tenant);
        lower.Sort((a, b) => (a.Request.Priority, a.Request.Cores, a.Name).CompareTo((b.Request.Priority, b.Request.Cores, b.Name)));
        return lower;
    }

    /// <summary>Null when no choice of them makes the node take the request.</summary>
    public static List<PlacedTenant>? Find(Query query, int node)
    {
        List<PlacedTenant> lower = Lower(query, node);
        // More victims never hurt, except where the request wants to be near one of them.
        bool mayHurt = query.Request.Affinity.Any(rule => rule.Required && !rule.Away);
        for (int count = 1; count <= lower.Count; count++)
        {
            if (count < lower.Count && lower[count].Request.Priority == lower[count - 1].Request.Priority) continue;
            List<PlacedTenant> able = lower[..count];
            bool all = Helps(query, node, able);
            if ((all || mayHurt) && Fewest(query, node, able, all) is { } found) return found;
        }
        return null;
    }

    /// <summary>Tries every choice of one, of two and so on; of equally many the one with fewest cores, then the first.</summary>
    /// <param name="all">All of them together are known to help.</param>
    private static List<PlacedTenant>? Fewest(Query query, int node, List<PlacedTenant> able, bool all)
    {
        int steps = MaxSteps;
        for (int size = 1; size <= able.Count && steps > 0; size++)
        {
            List<PlacedTenant>? best = null;
            Extend([], from: 0, query.Fleet.Whole.FreeCores[node], query.Fleet.Whole.FreeUnits[node]);
            if (best is not null) return best;

            void Extend(List<PlacedTenant> picked, int from, int cores, int units)
            {
                if (picked.Count == size)
                {
                    // What the whole node lacks no cell of it can have.
                    if (cores < query.Cores || units < query.Units || (best is not null && Cores(picked) >= Cores(best))) return;
                    if (--steps >= 0 && Helps(query, node, picked)) best = [.. picked];
                    return;
                }
                for (int i = from; i <= able.Count - (size - picked.Count) && steps > 0; i++)
                {
                    picked.Add(able[i]);
                    Extend(picked, i + 1, cores + able[i].Request.Cores, units + able[i].Request.MemoryUnits);
                    picked.RemoveAt(picked.Count - 1);
                }
            }
        }
        return all ? Spare(query, node, able) : null;
    }

    private static int Cores(List<PlacedTenant> tenants) => tenants.Sum(tenant => tenant.Request.Cores);

    /// <summary>Leaves out whom it can, the most important first and of equals the one with fewest cores.</summary>
    private static List<PlacedTenant> Spare(Query query, int node, List<PlacedTenant> able)
    {
        List<PlacedTenant> kept = [.. able];
        foreach (PlacedTenant candidate in able.OrderByDescending(tenant => tenant.Request.Priority).ThenBy(tenant => tenant.Request.Cores))
        {
            List<PlacedTenant> without = [.. kept.Where(tenant => tenant != candidate)];
            if (Helps(query, node, without)) kept = without;
        }
        return kept;
    }

    private static bool Helps(Query query, int node, List<PlacedTenant> victims)
    {
        using var trial = new Trial(query.Fleet);
        foreach (PlacedTenant victim in victims) trial.Remove(victim);
        var nodes = new NodeSet(query.Fleet.NodeCount);
        nodes.Add(node);
        RuleFilters.Apply(query, nodes, tally: null);
        return !nodes.IsEmpty && ResourceFilters.Fits(query, node);
    }
}
