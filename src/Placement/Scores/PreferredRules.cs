using Osv.Placement.Filters;
using Osv.Placement.Nodes;
using Osv.Placement.Requests;

namespace Osv.Placement.Scores;

/// <summary>Sorts nodes by how many preferred rules they meet: more rules met always beats a better fit.</summary>
internal static class PreferredRules
{
    /// <summary>Sets of nodes, those that meet most first; together they are <paramref name="open"/>.</summary>
    public static IReadOnlyList<NodeSet> Levels(Query query, NodeSet open)
    {
        var levels = new List<NodeSet> { open };
        foreach (AffinityRule rule in query.Request.Affinity)
            if (!rule.Required) Sort(levels, Meeting(query, rule));
        foreach (SpreadRule rule in query.Request.Spread)
            if (!rule.Required) Sort(levels, SpreadFilter.Meeting(query, rule));
        levels.Reverse();
        return levels;
    }

    /// <summary>Moves the members of each level that meet one more rule one level up.</summary>
    private static void Sort(List<NodeSet> levels, NodeSet meeting)
    {
        levels.Add(new NodeSet(meeting.Capacity));
        for (int level = levels.Count - 2; level >= 0; level--)
        {
            var moving = new NodeSet(meeting.Capacity);
            moving.CopyFrom(levels[level]);
            moving.IntersectWith(meeting);
            levels[level + 1].UnionWith(moving);
            levels[level] = Less(levels[level], moving);
        }
    }

    private static NodeSet Less(NodeSet from, NodeSet what)
    {
        var rest = new NodeSet(from.Capacity);
        rest.CopyFrom(from);
        rest.ExceptWith(what);
        return rest;
    }

    private static NodeSet Meeting(Query query, AffinityRule rule)
    {
        var near = new NodeSet(query.Fleet.NodeCount);
        if (query.Group(rule.Group) is { Members.Count: > 0 } group) AffinityFilters.AddNodesNear(query.Fleet, near, group.Members, rule.Topology);
        else if (!rule.Away) near.Fill();
        if (!rule.Away) return near;
        var apart = new NodeSet(query.Fleet.NodeCount);
        apart.Fill();
        apart.ExceptWith(near);
        return apart;
    }
}
