namespace Osv.Data.Nodes;

/// <summary>A machine of a rack.</summary>
public sealed class Node : IVersioned
{
    public required Guid Id { get; init; }

    public required string Name { get; set; }

    /// <summary>SMBIOS system serial number: the identity that boot tokens and pre-registration are bound to.</summary>
    public required string SerialNumber { get; init; }

    /// <summary>SMBIOS system UUID.</summary>
    public Guid? SystemUuid { get; set; }

    /// <summary>MAC address of the interface it boots from, as aa:bb:cc:dd:ee:ff.</summary>
    public string? BootMac { get; set; }

    /// <summary>Failure domain.</summary>
    public string Rack { get; set; } = "";

    /// <summary>Failure domain.</summary>
    public string PowerDomain { get; set; } = "";

    public Dictionary<string, string> Labels { get; set; } = [];

    public string? MonitorVersion { get; set; }

    public string? AgentVersion { get; set; }

    /// <summary>Bytes of kernels and initrds that its management partition can hold at once; null: not told.</summary>
    public long? ImageBytes { get; set; }

    public required DateTimeOffset RegisteredAt { get; init; }

    public uint RowVersion { get; private set; }
}

/// <summary>What an operator wants of a node.</summary>
public enum NodeIntent
{
    Serve,
    Drain,
    Retire,
}

/// <summary>Desired state of a node; the lifecycle follows it.</summary>
public sealed class NodeDesired : IVersioned
{
    public required Guid NodeId { get; init; }

    public required NodeIntent Intent { get; set; }

    public required string ChangedBy { get; set; }

    public required DateTimeOffset ChangedAt { get; set; }

    public uint RowVersion { get; private set; }
}

/// <summary>Lifecycle of a node.</summary>
public sealed class NodeLifecycle : Lifecycles.Lifecycle<Lifecycles.NodeState>
{
    public required Guid NodeId { get; init; }
}

/// <summary>Timeline of a node.</summary>
public sealed class NodeTransition : Lifecycles.Transition<Lifecycles.NodeState>
{
    public Guid NodeId { get; private set; }
}

/// <summary>The last sign of life of a node. Written in batches, so that a fleet's heartbeats cost one statement a second.</summary>
public sealed class NodeHeartbeat
{
    public required Guid NodeId { get; init; }

    public required DateTimeOffset ReceivedAt { get; set; }

    /// <summary>The agent's own count; it only grows within one run of the agent.</summary>
    public required long Sequence { get; set; }

    /// <summary>Until when the node may let its tenants run without another word from the control plane.</summary>
    public required DateTimeOffset LeaseExpiresAt { get; set; }
}
