using Microsoft.EntityFrameworkCore;
using Osv.Data.Nodes;
using Osv.Data.Projects;
using Osv.Data.Tenants;

namespace Osv.Data;

/// <summary>The tables that say who owns what. Their keys are what makes selling twice impossible; the exclusion constraints are in the migrations.</summary>
internal static class PlacementsModel
{
    public static void Configure(ModelBuilder builder)
    {
        builder.HasSequence<long>("placement_fence");
        builder.Entity<Placement>(table =>
        {
            table.HasKey(row => row.TenantId);
            // Target of the allocations' foreign keys: all of a tenant's resources are of one node.
            table.HasAlternateKey(row => new { row.TenantId, row.NodeId });
            table.HasIndex(row => row.NodeId);
            table.Property(row => row.Fence).HasDefaultValueSql("nextval('placement_fence')");
            table.HasOne<Tenant>().WithOne().HasForeignKey<Placement>(row => row.TenantId).OnDelete(DeleteBehavior.Restrict);
            table.HasOne<Node>().WithMany().HasForeignKey(row => row.NodeId).OnDelete(DeleteBehavior.Restrict);
        });
        builder.Entity<CoreAllocation>(table =>
        {
            table.HasKey(row => new { row.NodeId, row.ApicId });
            table.HasOne<Core>().WithMany().HasForeignKey(row => new { row.NodeId, row.ApicId }).OnDelete(DeleteBehavior.Restrict);
            table.HasOne<Placement>().WithMany().HasForeignKey(row => new { row.TenantId, row.NodeId }).HasPrincipalKey(row => new { row.TenantId, row.NodeId });
        });
        builder.Entity<MemoryAllocation>(table =>
        {
            table.HasKey(row => new { row.TenantId, row.NodeId, row.StartAddress });
            table.HasOne<MemoryBlock>().WithMany().HasForeignKey(row => new { row.NodeId, row.BlockStartAddress, row.BlockSizeBytes }).OnDelete(DeleteBehavior.Restrict);
            table.HasOne<Placement>().WithMany().HasForeignKey(row => new { row.TenantId, row.NodeId }).HasPrincipalKey(row => new { row.TenantId, row.NodeId });
            table.ToTable("memory_allocations", t =>
            {
                t.HasCheckConstraint("ck_memory_allocations_addresses", Conventions.WholeUnits);
                t.HasCheckConstraint("ck_memory_allocations_inside_block", "start_address >= block_start_address AND start_address + size_bytes <= block_start_address + block_size_bytes");
            });
        });
        builder.Entity<DeviceAllocation>(table =>
        {
            table.HasKey(row => new { row.NodeId, row.PciAddress });
            table.HasOne<Device>().WithMany().HasForeignKey(row => new { row.NodeId, row.PciAddress }).OnDelete(DeleteBehavior.Restrict);
            table.HasOne<Placement>().WithMany().HasForeignKey(row => new { row.TenantId, row.NodeId }).HasPrincipalKey(row => new { row.TenantId, row.NodeId });
        });
        Groups(builder);
    }

    private static void Groups(ModelBuilder builder)
    {
        builder.Entity<PlacementGroup>(table =>
        {
            table.HasAlternateKey(group => new { group.Id, group.Rule });
            table.HasIndex(group => new { group.ProjectId, group.Name }).IsUnique();
            table.HasOne<Project>().WithMany().HasForeignKey(group => group.ProjectId).OnDelete(DeleteBehavior.Restrict);
        });
        builder.Entity<PlacementGroupMember>(table =>
        {
            table.HasKey(row => new { row.GroupId, row.TenantId });
            table.HasIndex(row => row.TenantId);
            table.HasOne<PlacementGroup>().WithMany().HasForeignKey(row => row.GroupId);
            table.HasOne<Tenant>().WithMany().HasForeignKey(row => row.TenantId);
        });
        builder.Entity<PlacementGroupClaim>(table =>
        {
            table.HasKey(row => new { row.GroupId, row.TenantId });
            table.HasIndex(row => row.TenantId);
            table.HasIndex(row => new { row.GroupId, row.Domain }).IsUnique().HasFilter("rule = 'AntiAffinity'").HasDatabaseName("ux_placement_group_claims_apart");
            table.HasOne<PlacementGroup>().WithMany().HasForeignKey(row => new { row.GroupId, row.Rule }).HasPrincipalKey(group => new { group.Id, group.Rule }).OnDelete(DeleteBehavior.Restrict);
            table.HasOne<PlacementGroupMember>().WithMany().HasForeignKey(row => new { row.GroupId, row.TenantId }).OnDelete(DeleteBehavior.Restrict);
            table.HasOne<Placement>().WithMany().HasForeignKey(row => row.TenantId);
        });
    }
}
