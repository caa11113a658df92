using Osv.Placement.Requests;

namespace Osv.Placement.Nodes;

/// <summary>Where the members of each group run, and which nodes hold tenants that keep away from it. Groups belong to a project.</summary>
internal sealed class GroupIndex
{
    private readonly Dictionary<(string Project, string Group), Entry> _entries = [];

    /// <summary>Counts per node; null where nothing of the group is placed.</summary>
    internal sealed class Entry
    {
        public Dictionary<int, int> Members { get; } = [];
        /// <summary>By topology: tenants on a node whose required anti-affinity names this group.</summary>
        public Dictionary<int, int>?[] Avoiders { get; } = new Dictionary<int, int>?[3];
    }

    public Entry? Find(string project, string group) => _entries.GetValueOrDefault((project, group));

    public void Add(PlacementRequest request, int node) => Change(request, node, +1);
    public void Remove(PlacementRequest request, int node) => Change(request, node, -1);

    private void Change(PlacementRequest request, int node, int by)
    {
        foreach (string group in request.Groups) Count(Of(request.Project, group).Members, node, by);
        foreach (AffinityRule rule in request.Affinity)
        {
            if (!rule.Away || !rule.Required) continue;
            Entry entry = Of(request.Project, rule.Group);
            Count(entry.Avoiders[(int)rule.Topology] ??= [], node, by);
        }
    }

    private Entry Of(string project, string group)
    {
        if (!_entries.TryGetValue((project, group), out Entry? entry)) _entries[(project, group)] = entry = new Entry();
        return entry;
    }

    private static void Count(Dictionary<int, int> counts, int node, int by)
    {
        int now = counts.GetValueOrDefault(node) + by;
        if (now == 0) counts.Remove(node);
        else counts[node] = now;
    }
}
