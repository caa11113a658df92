using Osv.Placement.Nodes;
using Osv.Placement.Requests;

namespace Osv.Placement.Filters;

/// <summary>
/// Filters that ask whether a node has enough that is free. A node passes when one of its places (a cell, or the node as a
/// whole) passes this filter and those before. They run after the rules, in this order.
/// </summary>
internal static class ResourceFilters
{
    public static void Apply(Query query, NodeSet nodes, FilterTally? tally)
    {
        Cores(query, nodes, tally);
        Memory(query, nodes, tally);
        Devices(query, nodes, tally);
    }

    /// <summary>The same for one node.</summary>
    public static bool Fits(Query query, int node)
    {
        if (!HasPlace(query, node, query.Units, query.LocalDevices ? query.DeviceClasses.Length : 0)) return false;
        for (int i = 0; i < query.DeviceClasses.Length; i++)
            if (DevicesOn(query, node, i) < query.Request.Devices[i].Count) return false;
        return true;
    }

    public static void Cores(Query query, NodeSet nodes, FilterTally? tally)
    {
        int lacking = 0;
        foreach (int node in nodes)
        {
            if (HasPlace(query, node, units: 0, devices: 0)) continue;
            nodes.Remove(node);
            lacking++;
        }
        string what = $"{query.Cores} free {(query.Cores == 1 ? "core" : "cores")}{(query.OneCell ? " in one NUMA cell" : "")}";
        tally?.Add(FilterName.Cores, FilterName.Cores, lacking, $"lacks {what}", $"lack {what}");
        tally?.Survived(FilterName.Cores, nodes);
    }

    public static void Memory(Query query, NodeSet nodes, FilterTally? tally)
    {
        int lacking = 0, scattered = 0;
        foreach (int node in nodes)
        {
            if (HasPlace(query, node, query.Units, devices: 0)) continue;
            nodes.Remove(node);
            if (HasScatteredPlace(query, node)) scattered++;
            else lacking++;
        }
        string memory = PartitionLimits.Describe(query.Units);
        string where = query.OneCell ? $" in one NUMA cell with {query.Cores} free {(query.Cores == 1 ? "core" : "cores")}" : "";
        tally?.Add(FilterName.Memory, FilterName.Memory, lacking, $"lacks {memory} of free memory{where}", $"lack {memory} of free memory{where}");
        tally?.Add(FilterName.Memory, "ranges", scattered, $"has {memory} only in more than {PartitionLimits.MaxRanges} pieces", $"have {memory} only in more than {PartitionLimits.MaxRanges} pieces");
        tally?.Survived(FilterName.Memory, nodes);
    }

    public static void Devices(Query query, NodeSet nodes, FilterTally? tally)
    {
        for (int i = 0; i < query.DeviceClasses.Length; i++)
        {
            DeviceRequest wanted = query.Request.Devices[i];
            int before = nodes.Count;
            if (!query.LocalDevices) DeviceFilter.Apply(query, i, nodes);
            else
                foreach (int node in nodes)
                    if (!HasPlace(query, node, query.Units, i + 1)) nodes.Remove(node);
            string where = query.LocalDevices ? " in that cell" : "";
            string text = wanted.Count == 1 ? $"without a free {wanted.Class}{where}" : $"with fewer than {wanted.Count} free {wanted.Class}{where}";
            tally?.Add(FilterName.Devices, wanted.Class, before - nodes.Count, text, text);
            tally?.Survived(FilterName.Devices, nodes);
        }
    }

    /// <summary>Free functions of the i-th class asked for, on the whole node.</summary>
    public static int DevicesOn(Query query, int node, int i) =>
        query.DeviceClasses[i] < 0 ? 0 : query.Fleet.Whole.Devices[query.DeviceClasses[i]][node];

    /// <summary>True when one place has the cores, so many units, and the first so many classes of devices.</summary>
    public static bool HasPlace(Query query, int node, int units, int devices)
    {
        ResourceTable table = query.Table;
        for (int place = table.First[node]; place < table.First[node + 1]; place++)
            if (table.FreeCores[place] >= query.Cores && table.ReachableUnits[place] >= units && HasDevices(query, table, place, devices)) return true;
        return false;
    }

    public static bool HasDevices(Query query, ResourceTable table, int place, int devices)
    {
        for (int i = 0; i < devices; i++)
            if (query.DeviceClasses[i] < 0 || table.Devices[query.DeviceClasses[i]][place] < query.Request.Devices[i].Count) return false;
        return true;
    }

    private static bool HasScatteredPlace(Query query, int node)
    {
        ResourceTable table = query.Table;
        for (int place = table.First[node]; place < table.First[node + 1]; place++)
            if (table.FreeCores[place] >= query.Cores && table.FreeUnits[place] >= query.Units) return true;
        return false;
    }
}
