namespace Osv.Data.Tenants;

/// <summary>The place of a tenant. As long as this row lives, the tenant owns what its allocations name; deleting it frees everything at once.</summary>
public sealed class Placement
{
    public required Guid TenantId { get; init; }

    public required Guid NodeId { get; init; }

    /// <summary>Grows with every placement of the fleet; who acts for a smaller number than the present one acts for the past.</summary>
    public long Fence { get; private set; }

    public required DateTimeOffset PlacedAt { get; init; }
}

/// <summary>A core that is sold. The key makes it impossible to sell it twice.</summary>
public sealed class CoreAllocation
{
    public required Guid NodeId { get; init; }

    public required int ApicId { get; init; }

    public required Guid TenantId { get; init; }
}

/// <summary>Memory that is sold. An exclusion constraint makes it impossible to sell any of it twice.</summary>
public sealed class MemoryAllocation
{
    public required Guid NodeId { get; init; }

    /// <summary>Host-physical address; a multiple of 2 MiB.</summary>
    public required long StartAddress { get; init; }

    /// <summary>A multiple of 2 MiB.</summary>
    public required long SizeBytes { get; init; }

    /// <summary>The block of the node that this lies in, named so that memory the node does not have cannot be sold.</summary>
    public required long BlockStartAddress { get; init; }

    public required long BlockSizeBytes { get; init; }

    public required Guid TenantId { get; init; }
}

/// <summary>A PCI function that is sold. The key makes it impossible to sell it twice.</summary>
public sealed class DeviceAllocation
{
    public required Guid NodeId { get; init; }

    public required string PciAddress { get; init; }

    public required Guid TenantId { get; init; }
}
