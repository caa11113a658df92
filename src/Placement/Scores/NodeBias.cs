using Osv.Placement.Nodes;

namespace Osv.Placement.Scores;

/// <summary>The part of a place's score that depends on its node and on no request, kept up to date at every change. Lower is better.</summary>
internal static class NodeBias
{
    /// <summary>More than any other score together: a node where starts failed lately comes after all others.</summary>
    private const float RecentFailure = 4000;
    /// <summary>Of two equal cells the one on the fuller node.</summary>
    private const float FreeNode = 0.05f;

    public static void Refresh(Fleet fleet, int node)
    {
        float free = fleet.Whole.FreeCores[node] * fleet.Whole.CoreWeight[node] + fleet.Whole.FreeUnits[node] * fleet.Whole.UnitWeight[node];
        float failures = RecentFailure * Math.Min(fleet.RecentFailures[node], 8);
        float empty = fleet.Empty.Contains(node) ? 1 : 0;
        Set(fleet.Whole, node, failures + FreeNode * free, failures - free, empty);
        for (int cell = fleet.Cells.First[node]; cell < fleet.Cells.First[node + 1]; cell++) Set(fleet.Cells, cell, failures + FreeNode * free, failures - free, empty);
    }

    private static void Set(ResourceTable table, int place, float pack, float spread, float empty)
    {
        table.PackBias[place] = pack;
        table.SpreadBias[place] = spread;
        table.OnEmptyNode[place] = empty;
    }
}
