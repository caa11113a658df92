namespace Osv.Data.Nodes;

/// <summary>A NUMA cell (proximity domain) of a node.</summary>
public sealed class Cell
{
    public required Guid NodeId { get; init; }

    /// <summary>Number of the cell, as in the SRAT.</summary>
    public required int CellNumber { get; init; }
}

/// <summary>A core, by its APIC id. With SMT every thread is one of these.</summary>
public sealed class Core
{
    public required Guid NodeId { get; init; }

    public required int ApicId { get; init; }

    public required int CellNumber { get; init; }

    /// <summary>Cores with the same value share their last-level cache.</summary>
    public required int CacheDomain { get; init; }

    /// <summary>Cores with the same value are SMT siblings and are always sold together.</summary>
    public required int PhysicalCore { get; init; }

    /// <summary>How many cores of the node have this <see cref="PhysicalCore"/>.</summary>
    public required int ThreadsPerCore { get; init; }

    /// <summary>Belongs to the management partition or is out of order; never sold.</summary>
    public bool Reserved { get; set; }
}

/// <summary>A stretch of host memory that can be given to tenants, in one cell.</summary>
public sealed class MemoryBlock
{
    public required Guid NodeId { get; init; }

    /// <summary>Host-physical address; a multiple of 2 MiB.</summary>
    public required long StartAddress { get; init; }

    /// <summary>A multiple of 2 MiB.</summary>
    public required long SizeBytes { get; init; }

    public required int CellNumber { get; init; }
}

/// <summary>What a PCI function is for.</summary>
public enum DeviceKind
{
    Nic,
    Disk,
    Accelerator,
    Other,
}

/// <summary>A PCI function that can be given to a tenant.</summary>
public sealed class Device
{
    public required Guid NodeId { get; init; }

    /// <summary>Segment, bus, device and function as 0000:c1:00.0.</summary>
    public required string PciAddress { get; init; }

    public required DeviceKind Kind { get; init; }

    public required int VendorId { get; init; }

    public required int DeviceId { get; init; }

    /// <summary>Null where the firmware names no proximity domain.</summary>
    public int? CellNumber { get; init; }

    /// <summary>Of a disk; null otherwise.</summary>
    public long? CapacityBytes { get; init; }

    /// <summary>Of a disk: whose data may be on it; null: nobody knows. It is erased before another tenant gets it. That tenant may be long gone.</summary>
    public Guid? LastTenantId { get; set; }

    /// <summary>Kept for the management partition or out of order; never sold.</summary>
    public bool Reserved { get; set; }
}
