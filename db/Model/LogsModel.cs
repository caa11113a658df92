using Microsoft.EntityFrameworkCore;
using Osv.Data.Logs;
using Osv.Data.Tenants;

namespace Osv.Data;

/// <summary>Consoles and samples, most of them in partitions by day. EF Core cannot write the DDL of those; the migrations do, in SQL.</summary>
internal static class LogsModel
{
    public static void Configure(ModelBuilder builder)
    {
        builder.Entity<ConsoleLine>(table =>
        {
            table.HasKey(line => new { line.TenantId, line.Sequence, line.At });
            table.ToTable("console_lines", t => t.ExcludeFromMigrations());
        });
        builder.Entity<ConsoleChunk>(table =>
        {
            table.HasKey(chunk => new { chunk.TenantId, chunk.Position, chunk.At });
            table.ToTable("console_chunks", t => t.ExcludeFromMigrations());
        });
        builder.Entity<ConsoleInstance>(table =>
        {
            table.HasKey(stream => new { stream.TenantId, stream.Instance });
            table.HasOne<Tenant>().WithMany().HasForeignKey(stream => stream.TenantId);
            table.ToTable(t => t.HasCheckConstraint("ck_console_instances_next_offset", "next_offset >= 0"));
        });
        builder.Entity<ConsoleHead>(table =>
        {
            table.HasKey(head => head.TenantId);
            table.HasOne<Tenant>().WithOne().HasForeignKey<ConsoleHead>(head => head.TenantId);
            table.ToTable(t => t.HasCheckConstraint("ck_console_heads_position", "position >= 0 AND line_sequence >= 0"));
        });
        builder.Entity<ExitSample>(table =>
        {
            table.HasKey(sample => new { sample.TenantId, sample.At, sample.ExitReason });
            table.ToTable("exit_samples", t => t.ExcludeFromMigrations());
        });
        builder.Entity<AgentLogLine>(table =>
        {
            table.HasKey(line => new { line.NodeId, line.Number, line.At });
            table.ToTable("agent_log_lines", t => t.ExcludeFromMigrations());
        });
    }
}
