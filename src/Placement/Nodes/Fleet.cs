using System.Collections.Immutable;
using Osv.Placement.Requests;

namespace Osv.Placement.Nodes;

/// <summary>
/// The fleet as arrays: nodes, their NUMA cells, cache domains and physical cores, numbered so that what belongs together
/// lies together, with what is free kept up to date at every change. One thread at a time.
/// </summary>
public sealed partial class Fleet
{
    private readonly Dictionary<string, int> _nodeOf = [];
    private readonly Dictionary<string, PlacedTenant> _tenants = [];
    private readonly Dictionary<string, int> _classOf = [];
    private readonly Dictionary<string, Dictionary<string, NodeSet>> _labels = [];
    private readonly Dictionary<(string Project, string Name), List<PlacedTenant>> _holders = [];
    private readonly List<PlacedTenant>[] _tenantsOn;
    private readonly NodeSet[] _inState;
    /// <summary>Scratch of one check: threads named so far, by core.</summary>
    private readonly byte[] _threadsNamed;

    public ImmutableArray<NodeDescription> Nodes { get; }
    public int NodeCount => Nodes.Length;
    public int TenantCount => _tenants.Count;
    public IEnumerable<PlacedTenant> Tenants => _tenants.Values;
    public ImmutableArray<string> DeviceClasses { get; }

    /// <summary>What is free by NUMA cell, and by node.</summary>
    public ResourceTable Cells { get; }
    public ResourceTable Whole { get; }

    /// <summary>Nodes whose partitions are all in use.</summary>
    internal NodeSet Full { get; }
    /// <summary>Nodes without a tenant.</summary>
    internal NodeSet Empty { get; }
    internal FleetUsage Usage { get; }
    internal GroupIndex Groups { get; } = new();
    /// <summary>Starts that failed lately, by node.</summary>
    internal int[] RecentFailures { get; }
    /// <summary>Bytes of images that each node can hold, and what every one of them can.</summary>
    internal long[] ImageRoom { get; }
    internal long LeastImageRoom { get; }

    // Cells: the number the node's firmware gave, first cache domain, free memory.
    internal uint[] CellId { get; }
    internal int[] CellFirstDomain { get; }
    internal FreeMemory[] CellMemory { get; }
    // Cache domains: first core, free cores.
    internal int[] DomainFirstCore { get; }
    internal int[] DomainFreeCores { get; }
    // Cores: domain, whether free, first thread.
    internal int[] CoreDomain { get; }
    internal bool[] CoreFree { get; }
    internal int[] CoreFirstThread { get; }
    // Threads by core, and once more sorted by APIC id within each node, with their core.
    internal uint[] ThreadApicId { get; }
    internal int[] NodeFirstThread { get; }
    internal uint[] SortedApicId { get; }
    internal int[] SortedCore { get; }
    internal int[] DomainCell { get; }

    /// <summary>Places of the racks and of the power domains by node, and the nodes of each.</summary>
    internal TopologyIndex Racks { get; }
    internal TopologyIndex Power { get; }

    /// <summary>Index of a node, or -1.</summary>
    public int FindNode(string name) => _nodeOf.GetValueOrDefault(name, -1);
    public PlacedTenant? FindTenant(string name) => _tenants.GetValueOrDefault(name);
    public IReadOnlyList<PlacedTenant> TenantsOn(int node) => _tenantsOn[node];

    /// <summary>Holders of a project's reservation that nobody has claimed.</summary>
    public IReadOnlyList<PlacedTenant> HoldersOf(string project, string reservation) =>
        _holders.TryGetValue((project, reservation), out List<PlacedTenant>? holders) ? holders : [];

    public NodeState StateOf(int node)
    {
        for (int state = 0; state < _inState.Length; state++)
            if (_inState[state].Contains(node)) return (NodeState)state;
        throw new InvalidOperationException($"node {node} has no state");
    }

    /// <summary>Free memory ranges of a node's cell, by the cell's place in <see cref="Cells"/>.</summary>
    public ReadOnlySpan<FreeRange> FreeRangesOf(int cell) => CellMemory[cell].Ranges;

    internal NodeSet InState(NodeState state) => _inState[(int)state];

    /// <summary>Index of a device class, or -1 when no node has any.</summary>
    internal int ClassOf(string deviceClass) => _classOf.GetValueOrDefault(deviceClass, -1);

    /// <summary>Nodes by value of a label; null when no node has the label.</summary>
    internal IReadOnlyDictionary<string, NodeSet>? LabelValues(string key) => _labels.GetValueOrDefault(key);

    internal TopologyIndex? IndexOf(Topology topology) => topology switch
    {
        Topology.Rack => Racks,
        Topology.Power => Power,
        _ => null,
    };
}
