using System.Collections.Immutable;
using Osv.Contracts.ControlDevice;
using Osv.Placement.Plans;

namespace Osv.Placement.Nodes;

public sealed partial class Fleet
{
    /// <summary>Builds the snapshot. Tenants are taken as they stand: rules they break by now do not count here.</summary>
    /// <exception cref="ArgumentException">A description contradicts itself, or a tenant owns what is not free; the message names it.</exception>
    public Fleet(IEnumerable<NodeDescription> nodes, IEnumerable<PlacedTenant> tenants)
    {
        Nodes = [.. nodes];
        DeviceClasses = [.. Nodes.SelectMany(node => node.Devices).Select(device => device.Class).Distinct().Order(StringComparer.Ordinal)];
        for (int i = 0; i < DeviceClasses.Length; i++) _classOf[DeviceClasses[i]] = i;

        var layouts = new List<NodeLayout>(Nodes.Length);
        foreach (NodeDescription node in Nodes)
        {
            if (!_nodeOf.TryAdd(node.Name, layouts.Count)) throw new ArgumentException($"two nodes are called {node.Name}", nameof(nodes));
            layouts.Add(new NodeLayout(node));
        }
        int cells = layouts.Sum(layout => layout.Cells.Count), domains = layouts.Sum(layout => layout.DomainCount);
        int cores = layouts.Sum(layout => layout.CoreCount), threads = Nodes.Sum(node => node.Threads.Length);
        Cells = new ResourceTable(cells, NodeCount, DeviceClasses.Length);
        Whole = new ResourceTable(NodeCount, NodeCount, DeviceClasses.Length);
        CellId = new uint[cells];
        CellFirstDomain = new int[cells + 1];
        CellMemory = new FreeMemory[cells];
        DomainFirstCore = new int[domains + 1];
        DomainFreeCores = new int[domains];
        DomainCell = new int[domains];
        CoreDomain = new int[cores];
        CoreFree = new bool[cores];
        _threadsNamed = new byte[cores];
        CoreFirstThread = new int[cores + 1];
        ThreadApicId = new uint[threads];
        NodeFirstThread = new int[NodeCount + 1];
        SortedApicId = new uint[threads];
        SortedCore = new int[threads];
        RecentFailures = [.. Nodes.Select(node => node.RecentFailures)];
        ImageRoom = [.. Nodes.Select(node => node.ImageRoom)];
        LeastImageRoom = ImageRoom.Length == 0 ? 0 : ImageRoom.Min();
        Racks = new TopologyIndex([.. Nodes.Select(node => node.Rack)]);
        Power = new TopologyIndex([.. Nodes.Select(node => node.PowerDomain)]);
        Full = new NodeSet(NodeCount);
        Empty = new NodeSet(NodeCount);
        _inState = [.. Enum.GetValues<NodeState>().Select(_ => new NodeSet(NodeCount))];
        _tenantsOn = [.. Nodes.Select(_ => new List<PlacedTenant>())];

        var at = new Cursor();
        for (int node = 0; node < NodeCount; node++) AddNode(node, layouts[node], ref at);
        Cells.First[NodeCount] = at.Cell;
        Whole.First[NodeCount] = NodeCount;
        CellFirstDomain[at.Cell] = at.Domain;
        DomainFirstCore[at.Domain] = at.Core;
        CoreFirstThread[at.Core] = at.Thread;
        NodeFirstThread[NodeCount] = at.Thread;
        for (int node = 0; node < NodeCount; node++)
        {
            TakeManagement(node);
            for (int cell = Cells.First[node]; cell < Cells.First[node + 1]; cell++)
            {
                Cells.Cores[cell] = Cells.FreeCores[cell];
                Cells.Units[cell] = CellMemory[cell].Units;
                Whole.Cores[node] += Cells.Cores[cell];
                Whole.Units[node] += Cells.Units[cell];
            }
        }
        Cells.SetWeights();
        Whole.SetWeights();
        Usage = new FleetUsage(Whole);
        for (int node = 0; node < NodeCount; node++) Refresh(node);
        foreach (PlacedTenant tenant in tenants)
            if (Place(tenant) is { } conflict) throw new ArgumentException($"tenant {tenant.Name} on node {tenant.Assignment.Node}: {conflict.Text}", nameof(tenants));
    }

    private struct Cursor
    {
        public int Cell, Domain, Core, Thread;
    }

    private void AddNode(int node, NodeLayout layout, ref Cursor at)
    {
        NodeDescription description = Nodes[node];
        Cells.First[node] = at.Cell;
        Whole.First[node] = node;
        Whole.NodeOf[node] = node;
        NodeFirstThread[node] = at.Thread;
        int firstThread = at.Thread;
        foreach (CellLayout cell in layout.Cells)
        {
            Cells.NodeOf[at.Cell] = node;
            CellId[at.Cell] = cell.Id;
            CellFirstDomain[at.Cell] = at.Domain;
            foreach (IReadOnlyList<uint[]> domain in cell.Domains)
            {
                DomainFirstCore[at.Domain] = at.Core;
                DomainCell[at.Domain] = at.Cell;
                foreach (uint[] core in domain)
                {
                    CoreDomain[at.Core] = at.Domain;
                    CoreFree[at.Core] = true;
                    CoreFirstThread[at.Core] = at.Thread;
                    foreach (uint apicId in core)
                    {
                        SortedCore[at.Thread] = at.Core;
                        SortedApicId[at.Thread] = apicId;
                        ThreadApicId[at.Thread++] = apicId;
                    }
                    at.Core++;
                }
                DomainFreeCores[at.Domain++] = domain.Count;
                Cells.FreeCores[at.Cell] += domain.Count;
            }
            CellMemory[at.Cell] = new FreeMemory();
            foreach ((MemoryRange range, int entry) in cell.Memory) CellMemory[at.Cell].Free(new FreeRange(range.StartUnit, range.Units, entry));
            foreach (DeviceDescription device in description.Devices)
                if (device.Cell == cell.Id) Cells.Devices[_classOf[device.Class]][at.Cell] += device.Count;
            at.Cell++;
        }
        Array.Sort(SortedApicId, SortedCore, firstThread, at.Thread - firstThread);
        foreach ((string key, string value) in description.Labels)
        {
            if (!_labels.TryGetValue(key, out Dictionary<string, NodeSet>? values)) _labels[key] = values = [];
            if (!values.TryGetValue(value, out NodeSet? set)) values[value] = set = new NodeSet(NodeCount);
            set.Add(node);
        }
        _inState[(int)description.State].Add(node);
    }

    /// <summary>A core of which the management partition has any thread is not for tenants.</summary>
    private void TakeManagement(int node)
    {
        NodeDescription description = Nodes[node];
        foreach (uint apicId in description.ManagementThreads)
        {
            int core = FindCore(node, apicId);
            if (core < 0) throw new ArgumentException($"node {description.Name}: the management partition has thread {apicId}, which the node does not have", nameof(node));
            if (CoreFree[core]) SetCore(core, free: false);
        }
        foreach (MemoryExtent extent in description.ManagementMemory)
            if (!TakeUnits(node, (int)(extent.HostAddress / ControlLayout.PageBytes), (int)(extent.Bytes / ControlLayout.PageBytes)))
                throw new ArgumentException($"node {description.Name}: the management partition's memory at 0x{extent.HostAddress:x} does not lie in one range of the node's", nameof(node));
    }
}
