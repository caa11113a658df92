using Microsoft.EntityFrameworkCore;
using Osv.Data.Leases;
using Osv.Data.Messaging;

namespace Osv.Data;

internal static class MessagingModel
{
    public static void Configure(ModelBuilder builder)
    {
        builder.Entity<OutboxMessage>(table =>
        {
            table.Property(message => message.Body).HasColumnType("jsonb");
            table.Property(message => message.Attempts).HasDefaultValue(0);
        });
        builder.Entity<IdempotencyKey>(table =>
        {
            table.HasKey(row => new { row.Scope, row.Key });
            table.HasIndex(row => row.ExpiresAt);
        });
        builder.Entity<Lease>(table => table.HasKey(lease => lease.Name));
    }
}
