using Npgsql;
using Osv.Data.Lifecycles;
using Osv.Data.Nodes;
using Osv.Data.Tenants;

namespace Osv.Data.Placements;

/// <summary>
/// Locks the tenants, projects, groups and nodes of a batch, always in this order and by id, and reads what is needed to judge it, in one round trip.
/// Whoever places takes the same locks, so the judgement still holds when the batch is written; whoever does not take them meets the constraints.
/// </summary>
internal static class CommitReader
{
    // Every statement sees what was committed before it began: the reads behind a lock see all that its former holders did.
    private static readonly string[] s_settings =
    [
        // Plans are made once for a connection, perhaps from empty tables, and kept while these grow: only those by keys stay good,
        // also for the writes of the transaction and the triggers behind them. What is sold is looked up one by one below, which leaves no other plan.
        "SET LOCAL plan_cache_mode = force_generic_plan", "SET LOCAL enable_seqscan = off", "SET LOCAL enable_hashjoin = off", "SET LOCAL enable_mergejoin = off",
        // What has no index counts as dear beyond measure then, which would be compiled.
        "SET LOCAL jit = off",
    ];

    private const string LockTenants =
        """
        SELECT t.id, t.project_id, l.state, t.core_count, t.memory_bytes, t.nic_count, t.disk_count
        FROM tenants t JOIN tenant_lifecycles l ON l.tenant_id = t.id WHERE t.id = ANY ($1) ORDER BY t.id FOR NO KEY UPDATE OF l FOR SHARE OF t
        """;

    // Without a quota there is nothing to judge, and batches need not follow each other before they write. Whoever sets one meanwhile meets the constraint.
    private const string LockProjects =
        """
        SELECT p.id FROM projects p WHERE p.id IN (SELECT project_id FROM tenants WHERE id = ANY ($1))
            AND EXISTS (SELECT FROM project_quotas q WHERE q.project_id = p.id) ORDER BY p.id FOR NO KEY UPDATE OF p
        """;

    private const string ReadProjects =
        """
        SELECT p.id, q.cores, q.memory_bytes, q.devices, q.placements, coalesce(u.cores, 0), coalesce(u.memory_bytes, 0), coalesce(u.devices, 0), coalesce(u.placements, 0)
        FROM projects p LEFT JOIN project_quotas q ON q.project_id = p.id
            LEFT JOIN LATERAL (SELECT sum(s.cores)::bigint AS cores, sum(s.memory_bytes)::bigint AS memory_bytes, sum(s.devices)::bigint AS devices, sum(s.placements)::bigint AS placements
                FROM project_usage_shares s WHERE s.project_id = q.project_id) u ON true
        WHERE p.id IN (SELECT project_id FROM tenants WHERE id = ANY ($1))
        """;

    private const string LockGroups =
        """
        SELECT m.tenant_id, g.id, g.name, g.rule, g.scope FROM placement_group_members m JOIN placement_groups g ON g.id = m.group_id
        WHERE m.tenant_id = ANY ($1) ORDER BY g.id FOR NO KEY UPDATE OF g
        """;

    private const string ReadClaims =
        "SELECT DISTINCT group_id, domain FROM placement_group_claims WHERE group_id IN (SELECT group_id FROM placement_group_members WHERE tenant_id = ANY ($1))";

    private const string LockNodes =
        """
        SELECT n.id, n.name, n.rack, n.power_domain, l.state FROM nodes n JOIN node_lifecycles l ON l.node_id = n.id
        WHERE n.id = ANY ($1) ORDER BY n.id FOR NO KEY UPDATE OF n FOR SHARE OF l
        """;

    private const string ReadHealth =
        "SELECT node_id, source, summary FROM node_health_reports WHERE node_id = ANY ($1) AND prevents_placement AND (expires_at IS NULL OR expires_at > clock_timestamp())";

    private const string ReadBlocks = "SELECT node_id, start_address, size_bytes FROM node_memory_blocks WHERE node_id = ANY ($1)";

    private const string ReadCores =
        """
        SELECT w.node_id, w.apic_id, c.physical_core, c.threads_per_core, c.reserved,
            (SELECT a.tenant_id FROM core_allocations a WHERE a.node_id = w.node_id AND a.apic_id = w.apic_id)
        FROM unnest($1, $2) AS w(node_id, apic_id) JOIN node_cores c ON c.node_id = w.node_id AND c.apic_id = w.apic_id
        """;

    private const string ReadMemory =
        """
        SELECT DISTINCT s.node_id, s.start_address, s.size_bytes, s.tenant_id FROM unnest($1, $2, $3) AS w(node_id, start_address, size_bytes)
        CROSS JOIN LATERAL (SELECT a.* FROM memory_allocations a WHERE a.node_id = w.node_id
            AND int8range(a.start_address, a.start_address + a.size_bytes) && int8range(w.start_address, w.start_address + w.size_bytes) OFFSET 0) s
        """;

    private const string ReadDevices =
        """
        SELECT w.node_id, w.pci_address, d.kind, d.reserved,
            (SELECT a.tenant_id FROM device_allocations a WHERE a.node_id = w.node_id AND a.pci_address = w.pci_address)
        FROM unnest($1, $2) AS w(node_id, pci_address) JOIN node_devices d ON d.node_id = w.node_id AND d.pci_address = w.pci_address
        """;

    /// <summary>Must run inside a transaction at READ COMMITTED.</summary>
    public static async Task<CommitFacts> ReadAsync(NpgsqlConnection connection, IReadOnlyList<PlacementPlan> plans, CancellationToken cancel)
    {
        Guid[] tenants = [.. plans.Select(plan => plan.TenantId).Distinct()], nodes = [.. plans.Select(plan => plan.NodeId).Distinct()];
        (Guid Node, int Core)[] cores = [.. plans.SelectMany(plan => plan.ApicIds, (plan, id) => (plan.NodeId, id)).Distinct()];
        (Guid Node, MemoryStretch Memory)[] memory = [.. plans.SelectMany(plan => plan.Memory, (plan, stretch) => (plan.NodeId, stretch)).Distinct()];
        (Guid Node, string Address)[] devices = [.. plans.SelectMany(plan => plan.PciAddresses, (plan, address) => (plan.NodeId, address)).Distinct()];
        await using var batch = new NpgsqlBatch(connection);
        foreach (string setting in s_settings) batch.Add(setting);
        batch.Add(LockTenants, tenants);
        batch.Add(LockProjects, tenants);
        batch.Add(ReadProjects, tenants);
        batch.Add(LockGroups, tenants);
        batch.Add(ReadClaims, tenants);
        batch.Add(LockNodes, nodes);
        batch.Add(ReadHealth, nodes);
        batch.Add(ReadBlocks, nodes);
        batch.Add(ReadCores, cores.Select(core => core.Node).ToArray(), cores.Select(core => core.Core).ToArray());
        batch.Add(ReadMemory, memory.Select(part => part.Node).ToArray(), memory.Select(part => part.Memory.StartAddress).ToArray(), memory.Select(part => part.Memory.SizeBytes).ToArray());
        batch.Add(ReadDevices, devices.Select(device => device.Node).ToArray(), devices.Select(device => device.Address).ToArray());
        await batch.PrepareAsync(cancel);
        await using NpgsqlDataReader reader = await batch.ExecuteReaderAsync(cancel);
        return await CollectAsync(reader, cancel);
    }

    /// <summary>Reads the result sets in the order of the statements; SET has none.</summary>
    private static async Task<CommitFacts> CollectAsync(NpgsqlDataReader reader, CancellationToken cancel)
    {
        var facts = new CommitFacts();
        await EachAsync(row => facts.Tenants[row.GetGuid(0)] = new TenantFacts(row.GetGuid(1), Enum.Parse<TenantState>(row.GetString(2)), row.GetInt32(3), row.GetInt64(4), row.GetInt32(5), row.GetInt32(6)));
        await EachAsync(_ => { });
        await EachAsync(row => facts.Projects[row.GetGuid(0)] = new ProjectFacts
        {
            CoresQuota = Limit(row, 1),
            MemoryBytesQuota = Limit(row, 2),
            DevicesQuota = Limit(row, 3),
            PlacementsQuota = Limit(row, 4),
            Cores = row.GetInt64(5),
            MemoryBytes = row.GetInt64(6),
            Devices = row.GetInt64(7),
            Placements = row.GetInt64(8),
        });
        await EachAsync(row =>
        {
            if (facts.Tenants.TryGetValue(row.GetGuid(0), out TenantFacts? tenant))
            {
                tenant.Groups.Add(new GroupFacts(row.GetGuid(1), row.GetString(2), Enum.Parse<GroupRule>(row.GetString(3)), Enum.Parse<GroupScope>(row.GetString(4))));
            }
        });
        await EachAsync(row =>
        {
            if (!facts.GroupDomains.TryGetValue(row.GetGuid(0), out List<string>? domains)) facts.GroupDomains[row.GetGuid(0)] = domains = [];
            domains.Add(row.GetString(1));
        });
        await EachAsync(row => facts.Nodes[row.GetGuid(0)] = new NodeFacts(row.GetGuid(0), row.GetString(1), row.GetString(2), row.GetString(3), Enum.Parse<NodeState>(row.GetString(4))));
        await EachAsync(row =>
        {
            if (facts.Nodes.TryGetValue(row.GetGuid(0), out NodeFacts? node)) node.Unhealthy = $"{row.GetString(1)}: {row.GetString(2)}";
        });
        await EachAsync(row =>
        {
            if (facts.Nodes.TryGetValue(row.GetGuid(0), out NodeFacts? node)) node.Blocks.Add(new MemoryStretch(row.GetInt64(1), row.GetInt64(2)));
        });
        await EachAsync(row => facts.Cores[(row.GetGuid(0), row.GetInt32(1))] = new CoreFacts(row.GetInt32(2), row.GetInt32(3), row.GetBoolean(4)) { Owner = Owner(row, 5) });
        await EachAsync(row =>
        {
            if (facts.Nodes.TryGetValue(row.GetGuid(0), out NodeFacts? node)) node.Sold.Add((new MemoryStretch(row.GetInt64(1), row.GetInt64(2)), row.GetGuid(3)));
        });
        await EachAsync(row => facts.Devices[(row.GetGuid(0), row.GetString(1))] = new DeviceFacts(Enum.Parse<DeviceKind>(row.GetString(2)), row.GetBoolean(3)) { Owner = Owner(row, 4) });
        return facts;

        async Task EachAsync(Action<NpgsqlDataReader> row)
        {
            while (await reader.ReadAsync(cancel)) row(reader);
            await reader.NextResultAsync(cancel);
        }
    }

    private static long? Limit(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetInt64(column);

    private static Guid? Owner(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetGuid(column);
}
