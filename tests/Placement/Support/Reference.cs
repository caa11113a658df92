using Osv.Contracts.ControlDevice;
using Osv.Placement.Filters;
using Osv.Placement.Nodes;
using Osv.Placement.Requests;

namespace Osv.Placement.Tests.Support;

/// <summary>
/// The planner's rules once more, without an index or an array in sight: from the descriptions and the tenants alone, unit by
/// unit and thread by thread. Shares no code with the planner but the names of things.
/// </summary>
internal sealed class Reference(IReadOnlyList<NodeDescription> nodes, IEnumerable<PlacedTenant> tenants)
{
    private readonly List<PlacedTenant> _tenants = [.. tenants];

    public IReadOnlyList<NodeDescription> Nodes => nodes;
    public IReadOnlyList<PlacedTenant> Tenants => _tenants;

    public Reference Without(IEnumerable<PlacedTenant> gone) => new(nodes, _tenants.Except(gone));

    public IEnumerable<PlacedTenant> On(NodeDescription node) => _tenants.Where(tenant => tenant.Assignment.Node == node.Name);

    public int FreeCores(NodeDescription node, uint? cell)
    {
        HashSet<uint> taken = [.. On(node).SelectMany(tenant => tenant.Assignment.Threads)];
        return node.Threads.Where(thread => cell is null || thread.Cell == cell)
            .GroupBy(thread => thread.PhysicalCore)
            .Count(core => core.All(thread => !taken.Contains(thread.ApicId)));
    }

    /// <summary>Lengths of free runs; a run ends where an entry of the memory table ends.</summary>
    public List<int> FreeRuns(NodeDescription node, uint? cell)
    {
        HashSet<ulong> taken = [];
        foreach (CellExtentUnits extent in On(node).SelectMany(tenant => tenant.Assignment.Memory).Select(extent => new CellExtentUnits(extent.Extent)))
            for (ulong unit = extent.Start; unit < extent.End; unit++) taken.Add(unit);
        var runs = new List<int>();
        foreach (MemoryRange range in node.Memory.Where(range => cell is null || range.Cell == cell))
        {
            int run = 0;
            for (int unit = range.StartUnit; unit <= range.StartUnit + range.Units; unit++)
            {
                if (unit < range.StartUnit + range.Units && !taken.Contains((ulong)unit)) run++;
                else if (run > 0)
                {
                    runs.Add(run);
                    run = 0;
                }
            }
        }
        return runs;
    }

    private readonly record struct CellExtentUnits(ulong Start, ulong End)
    {
        public CellExtentUnits(MemoryExtent extent) : this(extent.HostAddress / ControlLayout.PageBytes, (extent.HostAddress + extent.Bytes) / ControlLayout.PageBytes)
        {
        }
    }

    public int FreeDevices(NodeDescription node, uint? cell, string kind) =>
        node.Devices.Where(device => device.Class == kind && (cell is null || device.Cell == cell)).Sum(device => device.Count)
        - On(node).SelectMany(tenant => tenant.Assignment.Devices).Where(grant => grant.Class == kind && (cell is null || grant.Cell == cell)).Sum(grant => grant.Count);

    public bool Fits(NodeDescription node, PlacementRequest request) => Rejection(node, request) is null;

    /// <summary>The first filter that takes the node out, with its dimension; null when it passes all.</summary>
    public (string Filter, string Dimension)? Rejection(NodeDescription node, PlacementRequest request) =>
        RuleRejection(node, request) ?? ResourceRejection(node, request);

    public (string Filter, string Dimension)? RuleRejection(NodeDescription node, PlacementRequest request)
    {
        if (node.State != NodeState.Ready) return (FilterName.State, node.State.ToString().ToLowerInvariant());
        if (On(node).Count() >= 63) return (FilterName.Partitions, FilterName.Partitions);
        if (node.ImageRoom < request.ImageBytes) return (FilterName.Images, FilterName.Images);
        foreach (LabelRule rule in request.Labels)
            if (!Labelled(node, rule)) return (FilterName.Labels, rule.ToString());
        foreach (AffinityRule rule in request.Affinity.Where(rule => rule.Required))
        {
            bool near = Members(request.Project, rule.Group).Any(other => SamePlace(node, other, rule.Topology));
            if (rule.Away && near) return (FilterName.AntiAffinity, rule.Group);
            bool starts = !Members(request.Project, rule.Group).Any() && request.Groups.Contains(rule.Group);
            if (!rule.Away && !near && !starts) return (FilterName.Affinity, rule.Group);
        }
        foreach (string group in request.Groups)
            if (_tenants.Any(other => other.Request.Project == request.Project
                    && other.Request.Affinity.Any(rule => rule.Away && rule.Required && rule.Group == group && SamePlace(node, other, rule.Topology))))
                return (FilterName.AntiAffinity, group);
        foreach (SpreadRule rule in request.Spread.Where(rule => rule.Required))
        {
            int Count(NodeDescription where) => Members(request.Project, rule.Group).Count(other => SamePlace(where, other, rule.Topology));
            int fewest = nodes.Where(other => other.State == NodeState.Ready && request.Labels.All(label => Labelled(other, label))).Min(Count);
            if (Count(node) + 1 - fewest > rule.MaxSkew) return (FilterName.Spread, rule.Group);
        }
        return null;
    }

    private (string Filter, string Dimension)? ResourceRejection(NodeDescription node, PlacementRequest request)
    {
        List<uint?> places = Places(node, request);
        places.RemoveAll(place => FreeCores(node, place) < request.Cores);
        if (places.Count == 0) return (FilterName.Cores, FilterName.Cores);
        bool scattered = places.Any(place => FreeRuns(node, place).Sum() >= request.MemoryUnits);
        places.RemoveAll(place => FreeRuns(node, place).OrderDescending().Take(15).Sum() < request.MemoryUnits);
        if (places.Count == 0) return (FilterName.Memory, scattered ? "ranges" : FilterName.Memory);
        foreach (DeviceRequest device in request.Devices)
        {
            places.RemoveAll(place => FreeDevices(node, request.DeviceLocality == DeviceLocality.Required ? place : null, device.Class) < device.Count);
            if (places.Count == 0) return (FilterName.Devices, device.Class);
        }
        return null;
    }

    private static List<uint?> Places(NodeDescription node, PlacementRequest request) =>
        request.Numa == NumaPolicy.OneCell
            ? [.. node.Threads.Select(thread => (uint?)thread.Cell).Distinct()]
            : [null];

    private static bool Labelled(NodeDescription node, LabelRule rule)
    {
        bool has = node.Labels.TryGetValue(rule.Key, out string? value);
        return rule.Operator switch
        {
            LabelOperator.In => has && rule.Values.Contains(value!),
            LabelOperator.NotIn => !has || !rule.Values.Contains(value!),
            LabelOperator.Exists => has,
            _ => !has,
        };
    }

    public IEnumerable<PlacedTenant> Members(string project, string group) =>
        _tenants.Where(tenant => tenant.Request.Project == project && tenant.Request.Groups.Contains(group));

    public bool SamePlace(NodeDescription node, PlacedTenant other, Topology topology)
    {
        NodeDescription its = nodes.Single(each => each.Name == other.Assignment.Node);
        return topology switch
        {
            Topology.Rack => node.Rack == its.Rack,
            Topology.Power => node.PowerDomain == its.PowerDomain,
            _ => node.Name == its.Name,
        };
    }
}
