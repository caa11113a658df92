using System.Collections.Immutable;
using Osv.Placement.Capacity;
using Osv.Placement.Filters;
using Osv.Placement.Nodes;
using Osv.Placement.Plans;
using Osv.Placement.Requests;

namespace Osv.Placement.Explaining;

/// <summary>Runs the filters one by one, counts what each takes out, and says it in a sentence.</summary>
internal static class Explainer
{
    public static Explanation Explain(Query query, NodeSet? within)
    {
        NodeSet nodes = Start(query.Fleet, within);
        int all = nodes.Count;
        var tally = new FilterTally();
        RuleFilters.Apply(query, nodes, tally);
        ResourceFilters.Apply(query, nodes, tally);
        return new Explanation(all, [.. tally.Funnel], Sorted(tally), nodes.Count);
    }

    /// <summary>For a request that has no place.</summary>
    public static Refusal Refuse(Query query, NodeSet? within)
    {
        NodeSet nodes = Start(query.Fleet, within);
        int all = nodes.Count;
        var tally = new FilterTally();
        RuleFilters.Apply(query, nodes, tally);
        ImmutableArray<Shape> largest = LargestShape.Find(query, nodes);
        ResourceFilters.Apply(query, nodes, tally);
        ImmutableArray<Rejection> rejections = Sorted(tally);
        return new Refusal(query.Request, all, rejections, [.. tally.Funnel], largest, Sentence(all, rejections, largest));
    }

    public static Refusal Invalid(Fleet fleet, PlacementRequest request, string problem) =>
        new(request, fleet.NodeCount, [new Rejection(FilterName.Request, FilterName.Request, fleet.NodeCount, problem)], [], [], $"the request is not valid: {problem}");

    /// <summary>"12 nodes: 7 lack 16 free cores in one NUMA cell, 3 drained, 2 without a free nic; largest that fits: 12 cores with 64 GiB".</summary>
    public static string Sentence(int nodes, ImmutableArray<Rejection> rejections, ImmutableArray<Shape> largest)
    {
        if (nodes == 0) return "there is no node to choose from";
        string reasons = string.Join(", ", rejections.Select(rejection => $"{rejection.Nodes} {rejection.Text}"));
        string shapes = largest.IsEmpty ? "nothing fits on the nodes that the rules allow" : $"largest that fits: {string.Join(", or ", largest)}";
        return $"{nodes} {(nodes == 1 ? "node" : "nodes")}: {reasons}; {shapes}";
    }

    private static NodeSet Start(Fleet fleet, NodeSet? within)
    {
        var nodes = new NodeSet(fleet.NodeCount);
        if (within is null) nodes.Fill();
        else nodes.CopyFrom(within);
        return nodes;
    }

    private static ImmutableArray<Rejection> Sorted(FilterTally tally) => [.. tally.Rejections.OrderByDescending(rejection => rejection.Nodes)];
}
