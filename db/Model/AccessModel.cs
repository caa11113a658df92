using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Osv.Data.Access;
using Osv.Data.Projects;

namespace Osv.Data;

internal static class AccessModel
{
    public static void Configure(ModelBuilder builder)
    {
        builder.Entity<OsvUser>(table =>
        {
            table.ToTable("users");
            table.HasIndex(user => user.NormalizedUserName).IsUnique().HasDatabaseName("ix_users_normalized_user_name");
            table.HasIndex(user => user.NormalizedEmail).HasDatabaseName("ix_users_normalized_email");
        });
        builder.Entity<IdentityUserClaim<Guid>>(table => table.ToTable("user_claims"));
        builder.Entity<IdentityUserLogin<Guid>>(table => table.ToTable("user_logins"));
        builder.Entity<IdentityUserToken<Guid>>(table => table.ToTable("user_tokens"));
        // Passkeys are version 3 of Identity's schema; the set that the base class declares must not make them tables.
        builder.Ignore<IdentityUserPasskey<Guid>>();
        builder.Ignore<IdentityPasskeyData>();
        builder.Entity<ApiToken>(table =>
        {
            table.HasIndex(token => token.TokenSha256).IsUnique();
            table.HasOne<OsvUser>().WithMany().HasForeignKey(token => token.UserId);
            table.HasOne<Project>().WithMany().HasForeignKey(token => token.ProjectId).OnDelete(DeleteBehavior.Cascade);
            table.ToTable("api_tokens", t => t.HasCheckConstraint("ck_api_tokens_expires_at", "expires_at > created_at"));
        });
        builder.Entity<AuditEntry>(table =>
        {
            table.HasKey(entry => entry.Sequence);
            table.Property(entry => entry.Sequence).ValueGeneratedNever();
            table.Property(entry => entry.Detail).HasColumnType("json");
            table.HasIndex(entry => new { entry.ProjectId, entry.Sequence });
        });
        builder.Entity<AuditHead>(table =>
        {
            table.Property(head => head.Id).ValueGeneratedNever();
            table.ToTable("audit_heads", t => t.HasCheckConstraint("ck_audit_heads_id", "id = 1"));
            table.HasData(new AuditHead { Id = 1, Sequence = 0, Sha256 = new byte[32] });
        });
    }
}
