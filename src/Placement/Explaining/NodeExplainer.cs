using System.Collections.Immutable;
using Osv.Placement.Filters;
using Osv.Placement.Nodes;
using Osv.Placement.Plans;
using Osv.Placement.Requests;

namespace Osv.Placement.Explaining;

/// <summary>Answers for one node: "why not there?"</summary>
internal static class NodeExplainer
{
    /// <summary>The reason with the node's own figures, or null when the node takes the request.</summary>
    public static string? WhyNot(Query query, int node)
    {
        var tally = new FilterTally();
        var nodes = new NodeSet(query.Fleet.NodeCount);
        nodes.Add(node);
        RuleFilters.Apply(query, nodes, tally);
        ResourceFilters.Apply(query, nodes, tally);
        if (tally.Rejections.Count == 0) return null;
        Rejection rejection = tally.Rejections[0];
        return $"{query.Fleet.Nodes[node].Name}: {rejection.Text}{Figures(query, node, rejection)}";
    }

    /// <summary>The rule that keeps the tenant off the node, or null. Free resources are not looked at.</summary>
    public static string? BrokenRule(Query query, int node)
    {
        var nodes = new NodeSet(query.Fleet.NodeCount);
        nodes.Add(node);
        RuleFilters.Apply(query, nodes, tally: null);
        if (!nodes.IsEmpty) return null;
        var tally = new FilterTally();
        nodes.Add(node);
        RuleFilters.Apply(query, nodes, tally);
        return tally.Rejections[0].Text;
    }

    private static string Figures(Query query, int node, Rejection rejection)
    {
        ResourceTable table = query.Table;
        switch (rejection.Filter)
        {
            case FilterName.Cores:
                int cores = 0;
                foreach (int free in table.FreeCoresOf(node)) cores = Math.Max(cores, free);
                return query.OneCell ? $" (the freest cell has {cores})" : $" (it has {cores})";
            case FilterName.Memory:
                int units = 0;
                for (int place = table.First[node]; place < table.First[node + 1]; place++)
                    if (table.FreeCores[place] >= query.Cores) units = Math.Max(units, table.ReachableUnits[place]);
                return $" (it has {PartitionLimits.Describe(units)})";
            case FilterName.Devices:
                ImmutableArray<DeviceRequest> devices = query.Request.Devices;
                for (int i = 0; i < devices.Length; i++)
                    if (devices[i].Class == rejection.Dimension) return $" (it has {ResourceFilters.DevicesOn(query, node, i)})";
                return "";
            default:
                return "";
        }
    }
}
