using Osv.Placement.Nodes;
using Osv.Placement.Requests;

namespace Osv.Placement.Filters;

/// <summary>Required affinity and anti-affinity, the latter in both directions.</summary>
internal static class AffinityFilters
{
    public static void Apply(Query query, NodeSet nodes, FilterTally? tally)
    {
        foreach (AffinityRule rule in query.Request.Affinity)
        {
            if (!rule.Required) continue;
            int before = tally is null ? 0 : nodes.Count;
            if (rule.Away)
            {
                if (query.Group(rule.Group) is { } group) Exclude(query.Fleet, nodes, group.Members, rule.Topology);
                string place = Place(rule.Topology);
                tally?.Add(FilterName.AntiAffinity, rule.Group, before - nodes.Count, $"on a {place} with group {rule.Group}", $"on a {place} with group {rule.Group}");
                tally?.Survived(FilterName.AntiAffinity, nodes);
            }
            else
            {
                Require(query, nodes, rule);
                string place = Place(rule.Topology);
                tally?.Add(FilterName.Affinity, rule.Group, before - nodes.Count, $"not on a {place} with group {rule.Group}", $"not on a {place} with group {rule.Group}");
                tally?.Survived(FilterName.Affinity, nodes);
            }
        }
        foreach (string name in query.Request.Groups)
        {
            if (query.Group(name) is not { } group) continue;
            for (int topology = 0; topology < group.Avoiders.Length; topology++)
            {
                if (group.Avoiders[topology] is not { Count: > 0 } avoiders) continue;
                int before = tally is null ? 0 : nodes.Count;
                Exclude(query.Fleet, nodes, avoiders, (Topology)topology);
                string text = $"on a {Place((Topology)topology)} with a tenant that keeps away from group {name}";
                tally?.Add(FilterName.AntiAffinity, name, before - nodes.Count, text, text);
                tally?.Survived(FilterName.AntiAffinity, nodes);
            }
        }
    }

    /// <summary>Nodes that share a place of this topology with one of the counted nodes.</summary>
    public static void AddNodesNear(Fleet fleet, NodeSet found, Dictionary<int, int> counted, Topology topology)
    {
        TopologyIndex? index = fleet.IndexOf(topology);
        foreach (int node in counted.Keys)
        {
            if (found.Contains(node)) continue;
            if (index is null) found.Add(node);
            else
                foreach (int neighbour in index.NodesOf(index.DomainOf[node])) found.Add(neighbour);
        }
    }

    private static void Exclude(Fleet fleet, NodeSet nodes, Dictionary<int, int> counted, Topology topology)
    {
        TopologyIndex? index = fleet.IndexOf(topology);
        int last = -1;
        foreach (int node in counted.Keys)
        {
            if (index is null) nodes.Remove(node);
            else if (index.DomainOf[node] != last)
            {
                last = index.DomainOf[node];
                foreach (int neighbour in index.NodesOf(last)) nodes.Remove(neighbour);
            }
        }
    }

    private static void Require(Query query, NodeSet nodes, AffinityRule rule)
    {
        GroupIndex.Entry? group = query.Group(rule.Group);
        if (group is null || group.Members.Count == 0)
        {
            if (!query.Request.Groups.Contains(rule.Group)) nodes.Clear();
            return;
        }
        var near = new NodeSet(nodes.Capacity);
        AddNodesNear(query.Fleet, near, group.Members, rule.Topology);
        nodes.IntersectWith(near);
    }

    public static string Place(Topology topology) => topology switch
    {
        Topology.Rack => "rack",
        Topology.Power => "power domain",
        _ => "node",
    };
}
