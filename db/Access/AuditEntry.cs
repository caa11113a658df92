namespace Osv.Data.Access;

/// <summary>An act of someone. Each entry holds the hash of the one before, and the database refuses to change or delete any.</summary>
public sealed class AuditEntry
{
    /// <summary>From 1, without gaps.</summary>
    public required long Sequence { get; init; }

    public required DateTimeOffset At { get; init; }

    /// <summary>Name of the user, token or node.</summary>
    public required string Actor { get; init; }

    /// <summary>As in "tenant.create".</summary>
    public required string Action { get; init; }

    /// <summary>Id or name of what was acted on.</summary>
    public required string Subject { get; init; }

    /// <summary>Null for acts outside projects. No foreign key: the entry outlives the project.</summary>
    public Guid? ProjectId { get; init; }

    /// <summary>JSON, kept byte for byte because it is part of the hash.</summary>
    public required string Detail { get; init; }

    /// <summary>32 bytes; zeros in the first entry.</summary>
    public required byte[] PreviousSha256 { get; init; }

    /// <summary>32 bytes.</summary>
    public required byte[] Sha256 { get; init; }
}

/// <summary>The end of the chain; its only row serialises the writers.</summary>
public sealed class AuditHead
{
    public required int Id { get; init; }

    public required long Sequence { get; init; }

    public required byte[] Sha256 { get; init; }
}
