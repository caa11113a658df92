using Npgsql;

namespace Osv.Data.Placements;

/// <summary>What a violated constraint means to a plan.</summary>
internal static class CommitConstraints
{
    /// <summary>Null: not a conflict but an error.</summary>
    public static CommitConflict? Conflict(PostgresException error) => error.ConstraintName switch
    {
        "pk_core_allocations" => CommitConflict.CoreTaken,
        "ex_memory_allocations_sold_once" => CommitConflict.MemoryTaken,
        "pk_device_allocations" => CommitConflict.DeviceTaken,
        "pk_placements" or "tenant_lifecycle_transition" => CommitConflict.TenantNotPending,
        "fk_core_allocations_node_cores_node_id_apic_id" or "fk_device_allocations_node_devices_node_id_pci_address" or "fk_memory_allocations_node_memory_blocks_node_id_block_start_a" => CommitConflict.NotOffered,
        "project_quota" => CommitConflict.QuotaExceeded,
        "ux_placement_group_claims_apart" => CommitConflict.AntiAffinity,
        "ex_placement_group_claims_together" => CommitConflict.Affinity,
        _ => null,
    };
}
