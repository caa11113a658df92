using Microsoft.EntityFrameworkCore;
using Osv.Data.Lifecycles;
using Osv.Data.Nodes;

namespace Osv.Data;

internal static class NodesModel
{
    public static void Configure(ModelBuilder builder)
    {
        builder.Entity<Node>(table =>
        {
            table.HasIndex(node => node.Name).IsUnique();
            table.HasIndex(node => node.SerialNumber).IsUnique();
            table.HasIndex(node => node.BootMac).IsUnique();
            table.ToTable("nodes", t => t.HasCheckConstraint("ck_nodes_boot_mac", "boot_mac ~ '^([0-9a-f]{2}:){5}[0-9a-f]{2}$'"));
        });
        builder.Entity<NodeDesired>(table =>
        {
            table.HasKey(row => row.NodeId);
            table.HasOne<Node>().WithOne().HasForeignKey<NodeDesired>(row => row.NodeId);
        });
        builder.Entity<NodeLifecycle>(table =>
        {
            LifecyclesModel.Lifecycle(table, "node_lifecycles", NodeStates.Machine);
            table.HasKey(row => row.NodeId);
            table.HasOne<Node>().WithOne().HasForeignKey<NodeLifecycle>(row => row.NodeId);
        });
        builder.Entity<NodeTransition>(table =>
        {
            table.HasKey(row => new { row.NodeId, row.Id });
            table.Property(row => row.Id).ValueGeneratedOnAdd();
            table.HasOne<Node>().WithMany().HasForeignKey(row => row.NodeId);
        });
        builder.Entity<NodeHeartbeat>(table =>
        {
            table.HasKey(row => row.NodeId);
            table.HasOne<Node>().WithOne().HasForeignKey<NodeHeartbeat>(row => row.NodeId);
            // Half-empty pages let PostgreSQL keep the new version of a row beside the old one, without touching an index.
            table.HasStorageParameter("fillfactor", 50);
        });
        builder.Entity<NodeHealthReport>(table =>
        {
            table.HasKey(row => new { row.NodeId, row.Source });
            table.HasOne<Node>().WithMany().HasForeignKey(row => row.NodeId);
        });
        Inventory(builder);
        Boot(builder);
        Sessions(builder);
    }

    private static void Inventory(ModelBuilder builder)
    {
        builder.Entity<Cell>(table =>
        {
            table.HasKey(row => new { row.NodeId, row.CellNumber });
            table.HasOne<Node>().WithMany().HasForeignKey(row => row.NodeId);
        });
        builder.Entity<Core>(table =>
        {
            table.HasKey(row => new { row.NodeId, row.ApicId });
            table.HasOne<Cell>().WithMany().HasForeignKey(row => new { row.NodeId, row.CellNumber });
            table.ToTable("node_cores", t =>
            {
                t.HasCheckConstraint("ck_node_cores_apic_id", "apic_id >= 0");
                t.HasCheckConstraint("ck_node_cores_threads_per_core", "threads_per_core > 0");
            });
        });
        builder.Entity<MemoryBlock>(table =>
        {
            table.HasKey(row => new { row.NodeId, row.StartAddress, row.SizeBytes });
            table.HasOne<Cell>().WithMany().HasForeignKey(row => new { row.NodeId, row.CellNumber });
            table.ToTable("node_memory_blocks", t => t.HasCheckConstraint("ck_node_memory_blocks_addresses", Conventions.WholeUnits));
        });
        builder.Entity<Device>(table =>
        {
            table.HasKey(row => new { row.NodeId, row.PciAddress });
            table.HasOne<Node>().WithMany().HasForeignKey(row => row.NodeId);
            table.HasOne<Cell>().WithMany().HasForeignKey(row => new { row.NodeId, row.CellNumber });
            table.ToTable("node_devices", t =>
            {
                t.HasCheckConstraint("ck_node_devices_pci_address", "pci_address ~ '^[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\\.[0-7]$'");
                t.HasCheckConstraint("ck_node_devices_vendor_id", "vendor_id BETWEEN 0 AND 65535");
                t.HasCheckConstraint("ck_node_devices_device_id", "device_id BETWEEN 0 AND 65535");
                t.HasCheckConstraint("ck_node_devices_capacity_bytes", "capacity_bytes >= 0");
            });
        });
    }

    private static void Boot(ModelBuilder builder)
    {
        builder.Entity<NodeBoot>(table =>
        {
            table.HasOne<Node>().WithMany().HasForeignKey(row => row.NodeId);
            table.HasIndex(row => new { row.NodeId, row.StartedAt });
        });
        builder.Entity<BootStep>(table =>
        {
            table.HasKey(row => new { row.BootId, row.Step });
            table.HasOne<NodeBoot>().WithMany(boot => boot.Steps).HasForeignKey(row => row.BootId);
            table.ToTable("node_boot_steps", t => t.HasCheckConstraint("ck_node_boot_steps_finished_at", "(finished_at IS NULL) = (state = 'Waiting')"));
        });
        builder.Entity<BootToken>(table =>
        {
            table.HasKey(row => row.TokenSha256);
            table.HasOne<Node>().WithMany().HasForeignKey(row => row.NodeId);
        });
        builder.Entity<NodeCertificate>(table =>
        {
            table.HasKey(row => row.SerialNumber);
            table.HasOne<Node>().WithMany().HasForeignKey(row => row.NodeId);
            table.HasIndex(row => row.PublicKeySha256);
            table.ToTable("node_certificates", t => t.HasCheckConstraint("ck_node_certificates_validity", "not_before_at < not_after_at"));
        });
    }

    private static void Sessions(ModelBuilder builder)
    {
        builder.Entity<CertificateAuthority>(table => table.HasKey(row => row.Name));
        builder.Entity<NodeConnection>(table =>
        {
            table.HasKey(row => row.NodeId);
            table.HasOne<Node>().WithOne().HasForeignKey<NodeConnection>(row => row.NodeId);
        });
        builder.Entity<NodeCommand>(table =>
        {
            table.HasOne<Node>().WithMany().HasForeignKey(row => row.NodeId);
            table.HasOne<Tenants.Tenant>().WithMany().HasForeignKey(row => row.TenantId).OnDelete(DeleteBehavior.Cascade);
            table.HasIndex(row => row.NodeId).HasFilter("sent_at IS NULL");
        });
        builder.Entity<PartitionEvent>(table =>
        {
            table.HasKey(row => new { row.NodeId, row.MonitorBoot, row.Number });
            table.HasOne<Node>().WithMany().HasForeignKey(row => row.NodeId);
            // The node's own history stays when the tenant goes.
            table.HasOne<Tenants.Tenant>().WithMany().HasForeignKey(row => row.TenantId).OnDelete(DeleteBehavior.SetNull);
            table.HasIndex(row => new { row.TenantId, row.At });
            table.HasIndex(row => new { row.NodeId, row.At });
        });
        builder.Entity<NodeChange>(table =>
        {
            table.HasKey(row => new { row.TransactionNumber, row.NodeId });
            table.Property(row => row.TransactionNumber).HasColumnType("xid8").HasDefaultValueSql("pg_current_xact_id()");
            table.Property(row => row.At).HasDefaultValueSql("clock_timestamp()");
            table.HasOne<Node>().WithMany().HasForeignKey(row => row.NodeId);
            // It is hints: after a crash of the database everything is read anew.
            table.ToTable("node_changes").IsUnlogged();
        });
    }
}
