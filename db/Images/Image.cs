namespace Osv.Data.Images;

/// <summary>What a tenant boots.</summary>
public sealed class Image : IVersioned
{
    public required Guid Id { get; init; }

    /// <summary>Null: every project may use it.</summary>
    public Guid? ProjectId { get; init; }

    /// <summary>Unique in the project.</summary>
    public required string Name { get; set; }

    /// <summary>SHA-256 of the kernel, 32 bytes.</summary>
    public required byte[] KernelSha256 { get; init; }

    /// <summary>SHA-256 of the initial RAM disk, 32 bytes; null: none.</summary>
    public byte[]? InitrdSha256 { get; init; }

    public string CommandLine { get; init; } = "";

    public required DateTimeOffset CreatedAt { get; init; }

    public uint RowVersion { get; private set; }
}

/// <summary>Bytes named by their hash. They are kept once however many images use them, and a row exists only when all chunks do.</summary>
public sealed class Content
{
    /// <summary>32 bytes.</summary>
    public required byte[] Sha256 { get; init; }

    public required long SizeBytes { get; init; }

    public required DateTimeOffset StoredAt { get; init; }
}

/// <summary>A piece of a content.</summary>
public sealed class ContentChunk
{
    public required byte[] Sha256 { get; init; }

    /// <summary>From 0.</summary>
    public required int Ordinal { get; init; }

    public required byte[] Bytes { get; init; }
}
