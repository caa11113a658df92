namespace Osv.Data.Leases;

/// <summary>The right of one holder to do a named thing until a moment.</summary>
public sealed class Lease
{
    public required string Name { get; init; }

    public required string Holder { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    /// <summary>Grows with every change of holder.</summary>
    public required long Fence { get; init; }
}
