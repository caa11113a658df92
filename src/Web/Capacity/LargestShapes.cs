using System.Collections.Immutable;
using Osv.Contracts.ControlDevice;
using Osv.Placement.Capacity;
using Osv.Placement.Nodes;
using Osv.Placement.Requests;
using Osv.Scheduler.Fleets;

namespace Osv.Web.Capacity;

/// <summary>A size that one tenant could have now.</summary>
/// <param name="Cores">As tenants ask for them: hardware threads.</param>
/// <param name="MemoryBytes">A multiple of 2 MiB.</param>
public sealed record Shape(int Cores, long MemoryBytes);

/// <summary>Capacity as the planner counts it: what can be placed, never a sum over places that no tenant can have together.</summary>
internal static class LargestShapes
{
    /// <summary>The shapes that fit now and that no other place exceeds in both cores and memory; most cores first.</summary>
    public static IReadOnlyList<Shape> In(FleetSnapshot snapshot, NumaPolicy numa) =>
        Outermost(snapshot.ByWidth.SelectMany(width => Of(snapshot, numa, width.Key, width.Value)));

    /// <summary>The same on one node; empty where the planner does not know it, as before it has reported what it has.</summary>
    public static IReadOnlyList<Shape> On(FleetSnapshot snapshot, NumaPolicy numa, string node)
    {
        int index = snapshot.Fleet.FindNode(node);
        if (index < 0) return [];
        var only = new NodeSet(snapshot.Fleet.NodeCount);
        only.Add(index);
        return [.. Of(snapshot, numa, snapshot.ByWidth.First(width => width.Value.Contains(index)).Key, only)];
    }

    /// <summary>Those that no other exceeds.</summary>
    public static IReadOnlyList<Shape> Outermost(IEnumerable<Shape> shapes)
    {
        var largest = new List<Shape>();
        foreach (Shape shape in shapes.OrderByDescending(shape => shape.Cores).ThenByDescending(shape => shape.MemoryBytes))
        {
            if (largest.Count == 0 || shape.MemoryBytes > largest[^1].MemoryBytes) largest.Add(shape);
        }
        return largest;
    }

    private static IEnumerable<Shape> Of(FleetSnapshot snapshot, NumaPolicy numa, int width, NodeSet among) =>
        CapacityReport.LargestShapes(snapshot.Fleet, numa, among).Select(shape => new Shape(shape.Cores * width, shape.MemoryUnits * (long)ControlLayout.PageBytes));
}
