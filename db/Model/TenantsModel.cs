using Microsoft.EntityFrameworkCore;
using Osv.Data.Images;
using Osv.Data.Lifecycles;
using Osv.Data.Nodes;
using Osv.Data.Projects;
using Osv.Data.Tenants;

namespace Osv.Data;

internal static class TenantsModel
{
    public static void Configure(ModelBuilder builder)
    {
        builder.Entity<Tenant>(table =>
        {
            // Restrict: nothing that a tenant runs from or is charged to vanishes beneath it.
            table.HasOne<Project>().WithMany().HasForeignKey(tenant => tenant.ProjectId).OnDelete(DeleteBehavior.Restrict);
            table.HasOne<Image>().WithMany().HasForeignKey(tenant => tenant.ImageId).OnDelete(DeleteBehavior.Restrict);
            table.HasIndex(tenant => new { tenant.ProjectId, tenant.Name }).IsUnique();
            // The order of the list of all tenants.
            table.HasIndex(tenant => new { tenant.Name, tenant.Id });
            table.ToTable("tenants", t =>
            {
                t.HasCheckConstraint("ck_tenants_core_count", "core_count > 0");
                t.HasCheckConstraint("ck_tenants_memory_bytes", $"memory_bytes > 0 AND memory_bytes % {Conventions.MemoryUnitBytes} = 0");
                t.HasCheckConstraint("ck_tenants_nic_count", "nic_count >= 0");
                t.HasCheckConstraint("ck_tenants_disk_count", "disk_count >= 0");
            });
        });
        builder.Entity<TenantUserData>(table =>
        {
            table.HasKey(row => row.TenantId);
            table.HasOne<Tenant>().WithOne().HasForeignKey<TenantUserData>(row => row.TenantId);
            table.ToTable("tenant_user_data", t => t.HasCheckConstraint("ck_tenant_user_data_content", $"octet_length(content) BETWEEN 1 AND {TenantUserData.MostBytes}"));
        });
        builder.Entity<TenantDesired>(table =>
        {
            table.HasKey(row => row.TenantId);
            table.HasOne<Tenant>().WithOne().HasForeignKey<TenantDesired>(row => row.TenantId);
        });
        builder.Entity<TenantObserved>(table =>
        {
            table.HasKey(row => row.TenantId);
            table.HasOne<Tenant>().WithOne().HasForeignKey<TenantObserved>(row => row.TenantId);
            table.HasOne<Node>().WithMany().HasForeignKey(row => row.NodeId);
            table.HasStorageParameter("fillfactor", 50);
        });
        builder.Entity<TenantLifecycle>(table =>
        {
            LifecyclesModel.Lifecycle(table, "tenant_lifecycles", TenantStates.Machine);
            table.HasKey(row => row.TenantId);
            table.HasOne<Tenant>().WithOne().HasForeignKey<TenantLifecycle>(row => row.TenantId);
        });
        builder.Entity<TenantTransition>(table =>
        {
            table.HasKey(row => new { row.TenantId, row.Id });
            table.Property(row => row.Id).ValueGeneratedOnAdd();
            table.HasOne<Tenant>().WithMany().HasForeignKey(row => row.TenantId);
        });
        builder.Entity<TenantHealthReport>(table =>
        {
            table.HasKey(row => new { row.TenantId, row.Source });
            table.HasOne<Tenant>().WithMany().HasForeignKey(row => row.TenantId);
        });
    }
}
