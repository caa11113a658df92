namespace Osv.Data.Nodes;

/// <summary>The authority that certifies nodes and the control plane towards them.</summary>
public sealed class CertificateAuthority
{
    public required string Name { get; init; }

    /// <summary>X.509, DER.</summary>
    public required byte[] Certificate { get; init; }

    /// <summary>PKCS #8, protected with the key ring that the replicas share: a copy of the database alone certifies nobody.</summary>
    public required byte[] ProtectedKey { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>The last stream of a node's agent. The newest writer of this row has the node; older streams give way.</summary>
public sealed class NodeConnection
{
    public required Guid NodeId { get; init; }

    /// <summary>The process that holds the stream.</summary>
    public required string Replica { get; set; }

    /// <summary>Different for every stream.</summary>
    public required string Stream { get; set; }

    /// <summary>Of the monitor: changes when the node boots.</summary>
    public required string MonitorBoot { get; set; }

    /// <summary>When a stream of this <see cref="MonitorBoot"/> came first.</summary>
    public required DateTimeOffset BootSeenAt { get; set; }

    public required DateTimeOffset ConnectedAt { get; set; }

    /// <summary>Null while it stands.</summary>
    public DateTimeOffset? DisconnectedAt { get; set; }

    /// <summary>The boot that <see cref="EventsKnown"/> counts events of; null: none came yet.</summary>
    public string? EventsBoot { get; set; }

    /// <summary>Number of the last event that was stored.</summary>
    public long EventsKnown { get; set; }
}

/// <summary>What an operator orders a node to do.</summary>
public enum NodeCommandKind
{
    /// <summary>Of the whole node, tenants too.</summary>
    Reset,
    PowerOff,
    /// <summary>A look at where the cores of one tenant stand.</summary>
    Probe,
}

/// <summary>An order to a node, until it is sent. One that cannot be sent in time is never obeyed.</summary>
public sealed class NodeCommand
{
    public required Guid Id { get; init; }

    public required Guid NodeId { get; init; }

    public required NodeCommandKind Kind { get; init; }

    /// <summary>Of a probe; null otherwise.</summary>
    public Guid? TenantId { get; init; }

    public required string RequestedBy { get; init; }

    public required DateTimeOffset RequestedAt { get; init; }

    /// <summary>Not sent after this.</summary>
    public required DateTimeOffset ExpiresAt { get; init; }

    public DateTimeOffset? SentAt { get; set; }
}

/// <summary>What the monitor of a node recorded about a partition.</summary>
public sealed class PartitionEvent
{
    public required Guid NodeId { get; init; }

    /// <summary>The boot of the monitor; it names an event together with <see cref="Number"/>.</summary>
    public required string MonitorBoot { get; init; }

    public required long Number { get; init; }

    /// <summary>Null: of the management partition, or of nobody that has a place there.</summary>
    public Guid? TenantId { get; init; }

    /// <summary>"Started", "Stopped", "Panicked", "Violation", "ManagementRestarted", "Hung", "Lost" or "Failed".</summary>
    public required string Kind { get; init; }

    /// <summary>In the monitor's words.</summary>
    public required string Cause { get; init; }

    public required DateTimeOffset At { get; init; }

    public required int ApicId { get; init; }

    /// <summary>Instruction pointer; the bits of an unsigned number.</summary>
    public required long Rip { get; init; }

    /// <summary>What the monitor adds; the bits of an unsigned number.</summary>
    public required long Detail { get; init; }

    public required int PartitionNumber { get; init; }
}

/// <summary>
/// Says that something changed that a node's agent must be told. Written by triggers with the change; nobody waits for anybody. The number of the
/// transaction lets a reader find all that became visible since it last looked.
/// </summary>
public sealed class NodeChange
{
    public ulong TransactionNumber { get; private set; }

    public required Guid NodeId { get; init; }

    public DateTimeOffset At { get; private set; }
}
