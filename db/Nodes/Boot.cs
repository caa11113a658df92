namespace Osv.Data.Nodes;

/// <summary>The steps of a boot, in order.</summary>
public enum BootStepKind
{
    Dhcp,
    Script,
    Image,
    Monitor,
    Agent,
}

/// <summary>How far a step has come.</summary>
public enum BootStepState
{
    Waiting,
    Done,
    Failed,
}

/// <summary>One boot of a node.</summary>
public sealed class NodeBoot
{
    public required Guid Id { get; init; }

    public required Guid NodeId { get; init; }

    public required DateTimeOffset StartedAt { get; init; }

    public List<BootStep> Steps { get; } = [];
}

/// <summary>One step of a boot, with the time by which it should have ended.</summary>
public sealed class BootStep : IVersioned
{
    public required Guid BootId { get; init; }

    public required BootStepKind Step { get; init; }

    public required BootStepState State { get; set; }

    public required DateTimeOffset StartedAt { get; init; }

    public DateTimeOffset? FinishedAt { get; set; }

    public required DateTimeOffset DeadlineAt { get; set; }

    /// <summary>What was seen or what went wrong, for people.</summary>
    public string Detail { get; set; } = "";

    public uint RowVersion { get; private set; }
}

/// <summary>Permission to enrol once, bound to one machine of one node, and to the first key that is shown with it. Only its hash is kept.</summary>
public sealed class BootToken
{
    /// <summary>SHA-256 of the token, 32 bytes.</summary>
    public required byte[] TokenSha256 { get; init; }

    public required Guid NodeId { get; init; }

    /// <summary>MAC address of the interface that the machine booted from, as it told it.</summary>
    public required string Mac { get; init; }

    /// <summary>SMBIOS serial number, as the machine told it; may be empty.</summary>
    public required string SerialNumber { get; init; }

    /// <summary>SMBIOS UUID, as the machine told it.</summary>
    public required string SystemUuid { get; init; }

    /// <summary>SHA-256 of the public key it was used with, 32 bytes; null: not used yet.</summary>
    public byte[]? KeySha256 { get; set; }

    public required DateTimeOffset IssuedAt { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    public DateTimeOffset? UsedAt { get; set; }
}

/// <summary>A certificate that the control plane issued to a node.</summary>
public sealed class NodeCertificate
{
    /// <summary>Serial number, lower-case hexadecimal.</summary>
    public required string SerialNumber { get; init; }

    public required Guid NodeId { get; init; }

    /// <summary>SHA-256 of the subject public key info, 32 bytes.</summary>
    public required byte[] PublicKeySha256 { get; init; }

    public required DateTimeOffset NotBeforeAt { get; init; }

    public required DateTimeOffset NotAfterAt { get; init; }

    public DateTimeOffset? RevokedAt { get; set; }

    public string? RevocationReason { get; set; }
}
