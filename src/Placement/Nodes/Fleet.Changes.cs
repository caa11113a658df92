using System.Globalization;
using Osv.Contracts.ControlDevice;
using Osv.Placement.Plans;
using Osv.Placement.Requests;
using Osv.Placement.Scores;

namespace Osv.Placement.Nodes;

public sealed partial class Fleet
{
    public void SetState(int node, NodeState state)
    {
        foreach (NodeSet set in _inState) set.Remove(node);
        _inState[(int)state].Add(node);
    }

    public void SetRecentFailures(int node, int count)
    {
        RecentFailures[node] = count;
        Refresh(node);
    }

    /// <summary>
    /// Takes what the assignment names. Checks that all of it is there, whole and free, and nothing about rules: those are
    /// the planner's. Anything but null means that nothing changed.
    /// </summary>
    public Conflict? Place(PlacedTenant tenant)
    {
        Assignment assignment = tenant.Assignment;
        int node = FindNode(assignment.Node);
        if (node < 0) return new Conflict(ConflictReason.UnknownNode, $"there is no node {assignment.Node}");
        if (_tenants.ContainsKey(tenant.Name)) return new Conflict(ConflictReason.AlreadyPlaced, $"a tenant called {tenant.Name} has a place");
        if (Full.Contains(node)) return new Conflict(ConflictReason.NoFreePartition, $"all {PartitionLimits.MaxTenantsPerNode} partitions for tenants are in use");
        if (CheckThreads(node, assignment) is { } threads) return threads;
        if (CheckMemory(node, assignment) is { } memory) return memory;
        if (CheckDevices(node, assignment) is { } devices) return devices;

        Move(node, assignment, free: false);
        _tenants[tenant.Name] = tenant;
        _tenantsOn[node].Add(tenant);
        Groups.Add(tenant.Request, node);
        if (tenant.Request.Reserves is { } reservation)
        {
            if (!_holders.TryGetValue((tenant.Request.Project, reservation), out List<PlacedTenant>? holders)) _holders[(tenant.Request.Project, reservation)] = holders = [];
            holders.Add(tenant);
        }
        Refresh(node);
        return null;
    }

    /// <summary>Gives back what a tenant owns. False when there is no such tenant.</summary>
    public bool Remove(string name)
    {
        if (!_tenants.Remove(name, out PlacedTenant? tenant)) return false;
        int node = FindNode(tenant.Assignment.Node);
        _tenantsOn[node].RemoveAt(_tenantsOn[node].FindIndex(other => ReferenceEquals(other, tenant)));
        Groups.Remove(tenant.Request, node);
        if (tenant.Request.Reserves is { } reservation) _holders[(tenant.Request.Project, reservation)].RemoveAll(other => ReferenceEquals(other, tenant));
        Move(node, tenant.Assignment, free: true);
        Refresh(node);
        return true;
    }

    private Conflict? CheckThreads(int node, Assignment assignment)
    {
        int named = 0;
        Conflict? conflict = assignment.Threads.IsEmpty ? new Conflict(ConflictReason.UnknownThread, "the assignment names no thread") : null;
        for (; conflict is null && named < assignment.Threads.Length; named++)
        {
            uint apicId = assignment.Threads[named];
            int core = FindCore(node, apicId);
            if (core < 0) conflict = new Conflict(ConflictReason.UnknownThread, $"the node has no thread {apicId}");
            else if (!CoreFree[core]) conflict = new Conflict(ConflictReason.CoreNotFree, $"the core of thread {apicId} is not free");
            else if (++_threadsNamed[core] > CoreFirstThread[core + 1] - CoreFirstThread[core]) conflict = new Conflict(ConflictReason.CoreNotFree, $"thread {apicId} or its sibling is named twice");
        }
        for (int i = 0; conflict is null && i < named; i++)
        {
            int core = FindCore(node, assignment.Threads[i]);
            if (_threadsNamed[core] != CoreFirstThread[core + 1] - CoreFirstThread[core])
                conflict = new Conflict(ConflictReason.SiblingsSplit, $"a sibling of thread {assignment.Threads[i]} is not named");
        }
        foreach (uint apicId in assignment.Threads.AsSpan()[..named])
            if (FindCore(node, apicId) is >= 0 and int core) _threadsNamed[core] = 0;
        return conflict;
    }

    private Conflict? CheckMemory(int node, Assignment assignment)
    {
        if (assignment.Memory.IsEmpty) return new Conflict(ConflictReason.MemoryNotFree, "the assignment names no memory");
        for (int i = 0; i < assignment.Memory.Length; i++)
        {
            (int start, int units) = UnitsOf(assignment.Memory[i]);
            int cell = FindMemory(node, start, units);
            bool free = cell >= 0 && CellId[cell] == assignment.Memory[i].Cell;
            for (int j = 0; j < i && free; j++)
            {
                (int otherStart, int otherUnits) = UnitsOf(assignment.Memory[j]);
                free = start >= otherStart + otherUnits || otherStart >= start + units;
            }
            if (!free) return new Conflict(ConflictReason.MemoryNotFree, string.Create(CultureInfo.InvariantCulture, $"the {PartitionLimits.Describe(units)} at 0x{assignment.Memory[i].Extent.HostAddress:x} are not free in cell {assignment.Memory[i].Cell}"));
        }
        return null;
    }

    private static (int Start, int Units) UnitsOf(CellExtent extent) =>
        ((int)(extent.Extent.HostAddress / ControlLayout.PageBytes), (int)(extent.Extent.Bytes / ControlLayout.PageBytes));

    private Conflict? CheckDevices(int node, Assignment assignment)
    {
        for (int i = 0; i < assignment.Devices.Length; i++)
        {
            DeviceGrant grant = assignment.Devices[i];
            int wanted = 0;
            for (int j = 0; j <= i; j++)
                if (assignment.Devices[j].Class == grant.Class && assignment.Devices[j].Cell == grant.Cell) wanted += assignment.Devices[j].Count;
            int kind = ClassOf(grant.Class), cell = FindCell(node, grant.Cell);
            if (kind < 0 || cell < 0 || Cells.Devices[kind][cell] < wanted)
                return new Conflict(ConflictReason.DeviceNotFree, $"cell {grant.Cell} has fewer than {wanted} free functions of class {grant.Class}");
        }
        return null;
    }

    private void Move(int node, Assignment assignment, bool free)
    {
        int previous = -1;
        foreach (uint apicId in assignment.Threads)
        {
            int core = FindCore(node, apicId);
            if (core == previous) continue;
            SetCore(core, free);
            previous = core;
        }
        foreach (CellExtent extent in assignment.Memory)
        {
            (int start, int units) = UnitsOf(extent);
            if (free) CellMemory[FindCell(node, extent.Cell)].Free(new FreeRange(start, units, EntryOf(node, start)));
            else TakeUnits(node, start, units);
        }
        foreach (DeviceGrant grant in assignment.Devices)
            Cells.Devices[ClassOf(grant.Class)][FindCell(node, grant.Cell)] += free ? grant.Count : -grant.Count;
    }

    private void SetCore(int core, bool free)
    {
        CoreFree[core] = free;
        int domain = CoreDomain[core];
        DomainFreeCores[domain] += free ? 1 : -1;
        Cells.FreeCores[DomainCell[domain]] += free ? 1 : -1;
    }

    private bool TakeUnits(int node, int start, int units)
    {
        int cell = FindMemory(node, start, units);
        return cell >= 0 && CellMemory[cell].Take(start, units);
    }

    /// <summary>The cell in which a stretch is free as one piece, or -1.</summary>
    private int FindMemory(int node, int start, int units)
    {
        for (int cell = Cells.First[node]; cell < Cells.First[node + 1]; cell++)
            if (CellMemory[cell].IsFree(start, units)) return cell;
        return -1;
    }

    private int EntryOf(int node, int start)
    {
        ReadOnlySpan<MemoryRange> ranges = Nodes[node].Memory.AsSpan();
        for (int i = 0; i < ranges.Length; i++)
            if (start >= ranges[i].StartUnit && start < ranges[i].StartUnit + ranges[i].Units) return i;
        throw new InvalidOperationException($"unit {start} of node {Nodes[node].Name} lies in no memory range");
    }

    /// <summary>Index of a cell by the number the firmware gave it, or -1.</summary>
    internal int FindCell(int node, uint id)
    {
        for (int cell = Cells.First[node]; cell < Cells.First[node + 1]; cell++)
            if (CellId[cell] == id) return cell;
        return -1;
    }

    /// <summary>Index of the core a thread belongs to, or -1.</summary>
    private int FindCore(int node, uint apicId)
    {
        int first = NodeFirstThread[node];
        int at = SortedApicId.AsSpan(first, NodeFirstThread[node + 1] - first).BinarySearch(apicId);
        return at < 0 ? -1 : SortedCore[first + at];
    }

    /// <summary>Brings the sums and the request-independent scores of a node up to date.</summary>
    private void Refresh(int node)
    {
        int first = Cells.First[node], end = Cells.First[node + 1];
        int cores = 0, units = 0, ranges = 0;
        for (int cell = first; cell < end; cell++)
        {
            FreeMemory memory = CellMemory[cell];
            Cells.FreeUnits[cell] = memory.Units;
            Cells.ReachableUnits[cell] = LargestRanges.Sum(memory.Ranges);
            cores += Cells.FreeCores[cell];
            units += memory.Units;
            ranges += memory.Ranges.Length;
        }
        Whole.FreeCores[node] = cores;
        Whole.FreeUnits[node] = units;
        Whole.ReachableUnits[node] = ranges <= PartitionLimits.MaxRanges ? units : LargestRanges.Sum(CellMemory.AsSpan(first, end - first));
        for (int kind = 0; kind < DeviceClasses.Length; kind++)
        {
            int count = 0;
            for (int cell = first; cell < end; cell++) count += Cells.Devices[kind][cell];
            Whole.Devices[kind][node] = count;
        }
        Full.Set(node, _tenantsOn[node].Count >= PartitionLimits.MaxTenantsPerNode);
        Empty.Set(node, _tenantsOn[node].Count == 0);
        Usage.Refresh(node, inUse: _tenantsOn[node].Count != 0);
        NodeBias.Refresh(this, node);
    }
}
