using Npgsql;

namespace Osv.Data.Placements;

/// <summary>Writes accepted plans: placements, allocations, group claims, the lifecycle and the message about it, in one round trip.</summary>
internal static class CommitWriter
{
    private const string InsertPlacements =
        "INSERT INTO placements (tenant_id, node_id, placed_at) SELECT w.tenant_id, w.node_id, clock_timestamp() FROM unnest($1, $2) AS w(tenant_id, node_id) RETURNING tenant_id, fence";

    private const string InsertCores =
        "INSERT INTO core_allocations (node_id, apic_id, tenant_id) SELECT w.node_id, w.apic_id, w.tenant_id FROM unnest($1, $2, $3) AS w(node_id, apic_id, tenant_id)";

    private const string InsertMemory =
        """
        INSERT INTO memory_allocations (node_id, start_address, size_bytes, block_start_address, block_size_bytes, tenant_id)
        SELECT w.node_id, w.start_address, w.size_bytes, b.start_address, b.size_bytes, w.tenant_id
        FROM unnest($1, $2, $3, $4) AS w(node_id, start_address, size_bytes, tenant_id)
        JOIN node_memory_blocks b ON b.node_id = w.node_id AND w.start_address >= b.start_address AND w.start_address + w.size_bytes <= b.start_address + b.size_bytes
        """;

    private const string InsertDevices =
        "INSERT INTO device_allocations (node_id, pci_address, tenant_id) SELECT w.node_id, w.pci_address, w.tenant_id FROM unnest($1, $2, $3) AS w(node_id, pci_address, tenant_id)";

    private const string InsertClaims =
        "INSERT INTO placement_group_claims (group_id, tenant_id, rule, domain) SELECT w.group_id, w.tenant_id, w.rule, w.domain FROM unnest($1, $2, $3, $4) AS w(group_id, tenant_id, rule, domain)";

    private const string UpdateLifecycles =
        """
        UPDATE tenant_lifecycles l SET state = 'Placed', reason = 'placed on ' || w.node_name, owner = 'agent',
            deadline_at = clock_timestamp() + $3, due_at = clock_timestamp() + $3, claimed_by = NULL, claimed_until = NULL
        FROM unnest($1, $2) AS w(tenant_id, node_name) WHERE l.tenant_id = w.tenant_id
        """;

    private const string InsertMessages =
        $"""
        INSERT INTO outbox_messages (message_id, message_type, body, created_at)
        SELECT gen_random_uuid(), '{PlacementCommit.PlacedMessage}', jsonb_build_object('tenantId', p.tenant_id, 'nodeId', p.node_id, 'fence', p.fence), clock_timestamp()
        FROM placements p WHERE p.tenant_id = ANY ($1)
        """;

    /// <param name="connection">In the transaction that read <paramref name="facts"/>.</param>
    /// <param name="plans">Accepted ones, at most one for a tenant.</param>
    /// <param name="facts">As the reader gave them.</param>
    /// <param name="loadWithin">How long the agent may take until it begins to load.</param>
    /// <param name="cancel">Ends the statement.</param>
    /// <returns>The fence of every tenant's placement.</returns>
    public static async Task<Dictionary<Guid, long>> WriteAsync(NpgsqlConnection connection, IReadOnlyList<PlacementPlan> plans, CommitFacts facts, TimeSpan loadWithin, CancellationToken cancel)
    {
        Guid[] tenants = [.. plans.Select(plan => plan.TenantId)];
        (PlacementPlan Plan, int Core)[] cores = [.. plans.SelectMany(plan => plan.ApicIds, (plan, id) => (plan, id))];
        (PlacementPlan Plan, MemoryStretch Memory)[] memory = [.. plans.SelectMany(plan => plan.Memory, (plan, stretch) => (plan, stretch))];
        (PlacementPlan Plan, string Address)[] devices = [.. plans.SelectMany(plan => plan.PciAddresses, (plan, address) => (plan, address))];
        (PlacementPlan Plan, GroupFacts Group)[] claims = [.. plans.SelectMany(plan => facts.Tenants[plan.TenantId].Groups, (plan, group) => (plan, group))];
        await using var batch = new NpgsqlBatch(connection);
        batch.Add(InsertPlacements, tenants, plans.Select(plan => plan.NodeId).ToArray());
        batch.Add(InsertCores, cores.Select(core => core.Plan.NodeId).ToArray(), cores.Select(core => core.Core).ToArray(), cores.Select(core => core.Plan.TenantId).ToArray());
        batch.Add(
            InsertMemory,
            memory.Select(part => part.Plan.NodeId).ToArray(),
            memory.Select(part => part.Memory.StartAddress).ToArray(),
            memory.Select(part => part.Memory.SizeBytes).ToArray(),
            memory.Select(part => part.Plan.TenantId).ToArray());
        if (devices.Length > 0)
        {
            batch.Add(InsertDevices, devices.Select(device => device.Plan.NodeId).ToArray(), devices.Select(device => device.Address).ToArray(), devices.Select(device => device.Plan.TenantId).ToArray());
        }
        if (claims.Length > 0)
        {
            batch.Add(
                InsertClaims,
                claims.Select(claim => claim.Group.GroupId).ToArray(),
                claims.Select(claim => claim.Plan.TenantId).ToArray(),
                claims.Select(claim => claim.Group.Rule.ToString()).ToArray(),
                claims.Select(claim => facts.Nodes[claim.Plan.NodeId].Domain(claim.Group.Scope)).ToArray());
        }
        batch.Add(UpdateLifecycles, tenants, plans.Select(plan => facts.Nodes[plan.NodeId].Name).ToArray(), loadWithin);
        batch.Add(InsertMessages, tenants);
        await batch.PrepareAsync(cancel);
        var fences = new Dictionary<Guid, long>(plans.Count);
        await using NpgsqlDataReader reader = await batch.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel)) fences[reader.GetGuid(0)] = reader.GetInt64(1);
        // Errors of the later statements surface as their results are read.
        while (await reader.NextResultAsync(cancel))
        {
        }
        return fences;
    }
}
