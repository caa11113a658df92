using System.Collections.Immutable;
using Osv.Placement.Filters;
using Osv.Placement.Nodes;
using Osv.Placement.Plans;
using Osv.Placement.Requests;

namespace Osv.Placement.Capacity;

/// <summary>What would fit instead of a request that does not.</summary>
internal static class LargestShape
{
    /// <summary>
    /// Grows one dimension of the request at a time with the others as asked. When that gives nothing: the most cores
    /// anywhere with the memory that goes with them, without devices.
    /// </summary>
    /// <param name="open">Nodes that the rules allow.</param>
    public static ImmutableArray<Shape> Find(Query query, NodeSet open)
    {
        ImmutableArray<DeviceRequest> devices = query.Request.Devices;
        int mostCores = 0, mostUnits = 0, anyCores = 0, anyUnits = 0;
        var mostDevices = new int[devices.Length];
        foreach (int node in open)
        {
            ResourceTable table = query.Table;
            for (int place = table.First[node]; place < table.First[node + 1]; place++)
            {
                int cores = table.FreeCores[place], units = Math.Min(table.ReachableUnits[place], PartitionLimits.MaxMemoryUnits);
                if (units > 0 && (cores > anyCores || (cores == anyCores && units > anyUnits))) (anyCores, anyUnits) = (cores, units);
                bool allDevices = HasDevices(query, table, node, place, except: -1);
                if (allDevices && units >= query.Units) mostCores = Math.Max(mostCores, cores);
                if (allDevices && cores >= query.Cores) mostUnits = Math.Max(mostUnits, units);
                if (cores < query.Cores || units < query.Units) continue;
                for (int i = 0; i < devices.Length; i++)
                    if (HasDevices(query, table, node, place, except: i)) mostDevices[i] = Math.Max(mostDevices[i], Free(query, table, node, place, i));
            }
        }
        ImmutableArray<Shape>.Builder shapes = ImmutableArray.CreateBuilder<Shape>();
        if (mostCores > 0) shapes.Add(new Shape(mostCores, query.Units, devices));
        if (mostUnits > 0) shapes.Add(new Shape(query.Cores, mostUnits, devices));
        for (int i = 0; i < devices.Length; i++)
            if (mostDevices[i] > 0) shapes.Add(new Shape(query.Cores, query.Units, devices.SetItem(i, devices[i] with { Count = mostDevices[i] })));
        if (shapes.Count == 0 && anyCores > 0) shapes.Add(new Shape(anyCores, anyUnits, []));
        return shapes.DrainToImmutable();
    }

    private static bool HasDevices(Query query, ResourceTable table, int node, int place, int except)
    {
        for (int i = 0; i < query.DeviceClasses.Length; i++)
            if (i != except && Free(query, table, node, place, i) < query.Request.Devices[i].Count) return false;
        return true;
    }

    private static int Free(Query query, ResourceTable table, int node, int place, int i)
    {
        if (query.DeviceClasses[i] < 0) return 0;
        return query.LocalDevices ? table.Devices[query.DeviceClasses[i]][place] : query.Fleet.Whole.Devices[query.DeviceClasses[i]][node];
    }
}
