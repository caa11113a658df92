using System.Collections.Immutable;
using Osv.Placement.Filters;
using Osv.Placement.Nodes;
using Osv.Placement.Plans;
using Osv.Placement.Requests;

namespace Osv.Placement.Capacity;

/// <summary>Capacity as what can be placed, not as sums over places that no tenant can have together.</summary>
public static class CapacityReport
{
    /// <summary>
    /// The largest shapes that fit now on a ready node: every other shape that fits is smaller than one of these in both
    /// cores and memory, or equal. Most cores first.
    /// </summary>
    /// <param name="among">Nodes to look at; null: all.</param>
    public static ImmutableArray<Shape> LargestShapes(Fleet fleet, NumaPolicy numa, NodeSet? among = null)
    {
        ResourceTable table = numa == NumaPolicy.OneCell ? fleet.Cells : fleet.Whole;
        var mostUnits = new SortedDictionary<int, int>(Comparer<int>.Create((a, b) => b.CompareTo(a)));
        foreach (int node in fleet.InState(NodeState.Ready))
        {
            if (fleet.Full.Contains(node) || among?.Contains(node) == false) continue;
            for (int place = table.First[node]; place < table.First[node + 1]; place++)
            {
                int units = Math.Min(table.ReachableUnits[place], PartitionLimits.MaxMemoryUnits);
                if (table.FreeCores[place] == 0 || units == 0) continue;
                mostUnits[table.FreeCores[place]] = Math.Max(units, mostUnits.GetValueOrDefault(table.FreeCores[place]));
            }
        }
        ImmutableArray<Shape>.Builder shapes = ImmutableArray.CreateBuilder<Shape>();
        int best = 0;
        foreach ((int cores, int units) in mostUnits)
        {
            if (units <= best) continue;
            shapes.Add(new Shape(cores, units, []));
            best = units;
        }
        return shapes.DrainToImmutable();
    }

    /// <summary>How many copies of a request fit at the same time, if each is placed without regard to groups.</summary>
    public static long Count(Planner planner, PlacementRequest probe)
    {
        probe = probe with { Groups = [], Affinity = [], Spread = [], Replicas = 1, Claims = null, MayPreempt = false, DryRun = false, Alternatives = 0 };
        var query = new Query(planner.Fleet, probe);
        var nodes = new NodeSet(planner.Fleet.NodeCount);
        nodes.Fill();
        RuleFilters.Apply(query, nodes, tally: null);
        DeviceFilter.Apply(query, nodes);
        long count = 0;
        foreach (int node in nodes) count += HasFewRanges(query, node) ? CountOn(query, node) : PlaceOn(planner, probe, node);
        return count;
    }

    /// <summary>Then no partition can need more ranges than it may have, and only amounts count.</summary>
    private static bool HasFewRanges(Query query, int node)
    {
        int ranges = 0;
        for (int cell = query.Fleet.Cells.First[node]; cell < query.Fleet.Cells.First[node + 1]; cell++) ranges += query.Fleet.CellMemory[cell].Ranges.Length;
        return ranges <= PartitionLimits.MaxRanges;
    }

    private static int CountOn(Query query, int node)
    {
        ResourceTable table = query.Table;
        int count = 0;
        for (int place = table.First[node]; place < table.First[node + 1]; place++)
        {
            int here = Math.Min(table.FreeCores[place] / query.Cores, table.FreeUnits[place] / query.Units);
            for (int i = 0; query.LocalDevices && i < query.DeviceClasses.Length; i++)
                here = Math.Min(here, table.Devices[query.DeviceClasses[i]][place] / query.Request.Devices[i].Count);
            count += here;
        }
        for (int i = 0; i < query.DeviceClasses.Length; i++)
            count = Math.Min(count, ResourceFilters.DevicesOn(query, node, i) / query.Request.Devices[i].Count);
        return Math.Min(count, PartitionLimits.MaxTenantsPerNode - query.Fleet.TenantsOn(node).Count);
    }

    /// <summary>Scattered memory: what fits depends on which ranges each copy takes, so they are placed.</summary>
    private static int PlaceOn(Planner planner, PlacementRequest probe, int node)
    {
        using var trial = new Trial(planner.Fleet);
        NodeSet only = planner.Only(node);
        int count = 0;
        while (planner.Plan(probe with { Tenant = $"{probe.Tenant}/probe/{count}" }, only) is Plan plan && planner.TryCommit(trial, plan, candidate: 0) is null) count++;
        return count;
    }
}
