using Osv.Placement.Nodes;
using Osv.Placement.Requests;

namespace Osv.Placement.Filters;

/// <summary>
/// Spread: a place is out when one more member would put it more than the skew above the place with the fewest members.
/// Places count when one of their nodes is ready and labelled as asked, whichever nodes are being looked at.
/// </summary>
internal static class SpreadFilter
{
    public static void Apply(Query query, NodeSet nodes, FilterTally? tally)
    {
        foreach (SpreadRule rule in query.Request.Spread)
        {
            if (!rule.Required) continue;
            int before = tally is null ? 0 : nodes.Count;
            nodes.IntersectWith(Meeting(query, rule));
            string text = $"on a {AffinityFilters.Place(rule.Topology)} that has its share of group {rule.Group}";
            tally?.Add(FilterName.Spread, rule.Group, before - nodes.Count, text, text);
            tally?.Survived(FilterName.Spread, nodes);
        }
    }

    /// <summary>Nodes on places that may have one more member of the rule's group.</summary>
    public static NodeSet Meeting(Query query, SpreadRule rule)
    {
        Fleet fleet = query.Fleet;
        TopologyIndex? index = fleet.IndexOf(rule.Topology);
        var members = new int[index?.Count ?? fleet.NodeCount];
        if (query.Group(rule.Group) is { } group)
            foreach ((int node, int count) in group.Members) members[PlaceOf(node)] += count;

        var meeting = new NodeSet(fleet.NodeCount);
        meeting.Fill();
        RuleFilters.State(query, meeting, tally: null);
        RuleFilters.Labels(query, meeting, tally: null);
        int fewest = int.MaxValue;
        foreach (int node in meeting) fewest = Math.Min(fewest, members[PlaceOf(node)]);
        foreach (int node in meeting)
            if (members[PlaceOf(node)] + 1 - fewest > rule.MaxSkew) meeting.Remove(node);
        return meeting;

        int PlaceOf(int node) => index?.DomainOf[node] ?? node;
    }
}
