using Microsoft.AspNetCore.Identity;

namespace Osv.Data.Access;

/// <summary>What a user may do beyond projects.</summary>
public enum SiteRole
{
    None,
    /// <summary>Sees and works on nodes.</summary>
    Operator,
    /// <summary>Everything, also users, projects and quotas.</summary>
    Administrator,
}

/// <summary>A user.</summary>
public sealed class OsvUser : IdentityUser<Guid>
{
    public SiteRole SiteRole { get; set; }

    public required DateTimeOffset CreatedAt { get; init; }
}

/// <summary>A token for programs. Only its hash is kept.</summary>
public sealed class ApiToken : IVersioned
{
    public required Guid Id { get; init; }

    public required Guid UserId { get; init; }

    /// <summary>Null: valid in all projects of the user.</summary>
    public Guid? ProjectId { get; init; }

    public required string Name { get; set; }

    /// <summary>SHA-256 of the token, 32 bytes.</summary>
    public required byte[] TokenSha256 { get; init; }

    /// <summary>What it may be used for, as in "tenants:read".</summary>
    public required string[] Scopes { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }

    public DateTimeOffset? LastUsedAt { get; set; }

    public DateTimeOffset? RevokedAt { get; set; }

    public uint RowVersion { get; private set; }
}
