namespace Osv.Scheduler.Fleets;

/// <summary>One node with what is on it, at one moment; also a node that is no part of the fleet.</summary>
public sealed class NodeReading
{
    private readonly NodeInventory _inventory;
    private readonly IReadOnlyCollection<OwnedPlace> _places;

    internal NodeReading(NodeInventory inventory, IReadOnlyList<int> cells, IReadOnlyCollection<OwnedPlace> places, IReadOnlyDictionary<Guid, TenantRequest> tenants, FleetSnapshot planned)
    {
        (_inventory, Cells, _places, Planned) = (inventory, cells, places, planned);
        CoreOwners = places.SelectMany(place => place.ApicIds.Select(id => (id, tenants[place.TenantId].Name))).ToDictionary();
        DeviceOwners = places.SelectMany(place => place.PciAddresses.Select(address => (address, tenants[place.TenantId].Name))).ToDictionary();
    }

    /// <summary>Numbers of its NUMA cells.</summary>
    public IReadOnlyList<int> Cells { get; }

    /// <summary>By APIC id.</summary>
    public IReadOnlyList<CoreRow> Cores => _inventory.Cores;

    /// <summary>Names of tenants, by APIC id.</summary>
    public IReadOnlyDictionary<int, string> CoreOwners { get; }

    /// <summary>Names of tenants, by PCI address.</summary>
    public IReadOnlyDictionary<string, string> DeviceOwners { get; }

    /// <summary>The node alone as the planner sees it; empty where it is no part of the fleet or contradicts itself.</summary>
    public FleetSnapshot Planned { get; }

    /// <summary>Bytes of memory that a cell has.</summary>
    public long MemoryOf(int cell) => _inventory.Memory.Where(block => block.Cell == cell).Sum(block => block.Size);

    /// <summary>Bytes of a cell that tenants own.</summary>
    public long SoldOf(int cell) => _places.SelectMany(place => place.Memory).Where(memory => _inventory.CellOf(memory.Start) == cell).Sum(memory => memory.Size);
}
