namespace Osv.Placement.Nodes;

/// <summary>How much of the fleet is in use, kept up to date node by node. Scores weigh cores against memory with it.</summary>
internal sealed class FleetUsage
{
    /// <summary>Shares in use are taken as this much higher, so that the first tenants alone do not set the ratio.</summary>
    private const float Prior = 0.02f;
    /// <summary>Nodes in use for each one that packing may leave less than half full.</summary>
    private const int NodesPerSlack = 200;
    private readonly ResourceTable _nodes;
    private readonly int[] _cores;
    private readonly int[] _units;
    private readonly bool[] _inUse;
    private readonly bool[] _young;
    private readonly long _allCores;
    private readonly long _allUnits;
    private long _usedCores, _usedUnits;
    private int _nodesInUse, _youngNodes;

    public FleetUsage(ResourceTable nodes)
    {
        _nodes = nodes;
        _cores = new int[nodes.Count];
        _units = new int[nodes.Count];
        _inUse = new bool[nodes.Count];
        _young = new bool[nodes.Count];
        foreach (int cores in nodes.Cores) _allCores += cores;
        foreach (int units in nodes.Units) _allUnits += units;
    }

    /// <summary>Share of the fleet's cores in use over share of its memory: how lopsided what tenants ask for is.</summary>
    public float CoresOverMemory =>
        _allCores == 0 || _allUnits == 0 ? 1 : Math.Clamp(((float)_usedCores / _allCores + Prior) / ((float)_usedUnits / _allUnits + Prior), 1 / 16f, 16f);

    /// <summary>
    /// True when packing may open an empty node for a better fit. A few nodes that are less than half full give later
    /// requests a choice; more of them would waste nodes.
    /// </summary>
    public bool HasSlack => (_youngNodes + 1) * NodesPerSlack <= _nodesInUse;

    public void Refresh(int node, bool inUse)
    {
        int cores = _nodes.Cores[node] - _nodes.FreeCores[node], units = _nodes.Units[node] - _nodes.FreeUnits[node];
        bool young = inUse && cores * 2 < _nodes.Cores[node] && units * 2L < _nodes.Units[node];
        _usedCores += cores - _cores[node];
        _usedUnits += units - _units[node];
        _nodesInUse += (inUse ? 1 : 0) - (_inUse[node] ? 1 : 0);
        _youngNodes += (young ? 1 : 0) - (_young[node] ? 1 : 0);
        (_cores[node], _units[node], _inUse[node], _young[node]) = (cores, units, inUse, young);
    }
}
