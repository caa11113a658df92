using Osv.Placement.Nodes;
using Osv.Placement.Requests;

namespace Osv.Placement.Filters;

/// <summary>
/// Filters that ask whether a node may take the tenant at all. Each takes nodes out of a set; with a tally it also says how
/// many, by dimension. They run in this order.
/// </summary>
internal static class RuleFilters
{
    public static void Apply(Query query, NodeSet nodes, FilterTally? tally)
    {
        State(query, nodes, tally);
        FreePartition(query, nodes, tally);
        Images(query, nodes, tally);
        Labels(query, nodes, tally);
        AffinityFilters.Apply(query, nodes, tally);
        SpreadFilter.Apply(query, nodes, tally);
    }

    /// <summary>Only nodes that are ready.</summary>
    public static void State(Query query, NodeSet nodes, FilterTally? tally)
    {
        if (tally is not null)
        {
            foreach ((NodeState state, string text) in s_states)
                tally.Add(FilterName.State, text, nodes.CountCommon(query.Fleet.InState(state)), text, text);
        }
        nodes.IntersectWith(query.Fleet.InState(NodeState.Ready));
        tally?.Survived(FilterName.State, nodes);
    }

    private static readonly (NodeState, string)[] s_states =
        [(NodeState.Cordoned, "cordoned"), (NodeState.Drained, "drained"), (NodeState.Lost, "lost"), (NodeState.Quarantined, "quarantined")];

    /// <summary>Only nodes with a partition left: the monitor has a fixed number.</summary>
    public static void FreePartition(Query query, NodeSet nodes, FilterTally? tally)
    {
        tally?.Add(FilterName.Partitions, FilterName.Partitions, nodes.CountCommon(query.Fleet.Full), "without a free partition", "without a free partition");
        nodes.ExceptWith(query.Fleet.Full);
        tally?.Survived(FilterName.Partitions, nodes);
    }

    /// <summary>Only nodes that can hold the tenant's image.</summary>
    public static void Images(Query query, NodeSet nodes, FilterTally? tally)
    {
        long bytes = query.Request.ImageBytes;
        if (bytes <= query.Fleet.LeastImageRoom) return;
        int lacking = 0;
        long most = 0;
        foreach (int node in nodes)
        {
            if (query.Fleet.ImageRoom[node] >= bytes) continue;
            nodes.Remove(node);
            lacking++;
            most = Math.Max(most, query.Fleet.ImageRoom[node]);
        }
        string text = $"without room for an image of {(bytes + (1 << 20) - 1) >> 20} MiB (at most {most >> 20} MiB)";
        tally?.Add(FilterName.Images, FilterName.Images, lacking, text, text);
        tally?.Survived(FilterName.Images, nodes);
    }

    /// <summary>Only nodes whose labels are as every rule says.</summary>
    public static void Labels(Query query, NodeSet nodes, FilterTally? tally)
    {
        foreach (LabelRule rule in query.Request.Labels)
        {
            int before = tally is null ? 0 : nodes.Count;
            NodeSet named = Named(query.Fleet, rule);
            if (rule.Operator is LabelOperator.In or LabelOperator.Exists) nodes.IntersectWith(named);
            else nodes.ExceptWith(named);
            tally?.Add(FilterName.Labels, rule.ToString(), before - nodes.Count, $"is not labelled {rule}", $"are not labelled {rule}");
            tally?.Survived(FilterName.Labels, nodes);
        }
    }

    /// <summary>Nodes that have the label, with one of the values when the rule names values.</summary>
    private static NodeSet Named(Fleet fleet, LabelRule rule)
    {
        var named = new NodeSet(fleet.NodeCount);
        if (fleet.LabelValues(rule.Key) is not { } values) return named;
        foreach ((string value, NodeSet set) in values)
            if (rule.Operator is LabelOperator.Exists or LabelOperator.Absent || rule.Values.Contains(value)) named.UnionWith(set);
        return named;
    }
}
