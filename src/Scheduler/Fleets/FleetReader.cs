using System.Text.Json;
using Npgsql;
using Osv.Data.Lifecycles;
using PlanState = Osv.Placement.Nodes.NodeState;

namespace Osv.Scheduler.Fleets;

/// <summary>The queries behind a <see cref="FleetCache"/>. They run in one transaction, so that they see one moment.</summary>
internal static class FleetReader
{
    /// <summary>Source of health reports about tenants whose start failed on a node; the tenant's id follows.</summary>
    public const string StartFailure = "start-failure/";

    // Nodes that were never approved, or never come back, are no part of the fleet.
    private const string Standings =
        $"""
        SELECT n.id, n.xmin, l.state,
            EXISTS (SELECT FROM node_health_reports h WHERE h.node_id = n.id AND h.prevents_placement AND (h.expires_at IS NULL OR h.expires_at > clock_timestamp())),
            (SELECT count(*)::int FROM node_health_reports h WHERE h.node_id = n.id AND h.source LIKE '{StartFailure}%' AND h.expires_at > clock_timestamp())
        FROM nodes n JOIN node_lifecycles l ON l.node_id = n.id WHERE l.state NOT IN ('Discovered', 'PendingApproval', 'Retired')
        """;

    private const string Places = "SELECT p.tenant_id, p.fence, l.state = 'Stopping' FROM placements p JOIN tenant_lifecycles l ON l.tenant_id = p.tenant_id";

    private const string Nodes = "SELECT id, name, rack, power_domain, labels::text, image_bytes FROM nodes WHERE id = ANY ($1)";

    private const string Cores =
        """
        SELECT node_id, array_agg(apic_id ORDER BY apic_id), array_agg(cell_number ORDER BY apic_id), array_agg(cache_domain ORDER BY apic_id), array_agg(physical_core ORDER BY apic_id),
            array_agg(threads_per_core ORDER BY apic_id), array_agg(reserved ORDER BY apic_id) FROM node_cores WHERE node_id = ANY ($1) GROUP BY node_id
        """;

    private const string Memory = "SELECT node_id, start_address, size_bytes, cell_number FROM node_memory_blocks WHERE node_id = ANY ($1)";

    private const string Devices = "SELECT node_id, pci_address, kind, cell_number, last_tenant_id FROM node_devices WHERE node_id = ANY ($1) AND NOT reserved AND kind IN ('Nic', 'Disk') ORDER BY pci_address";

    private const string Owned = "SELECT tenant_id, node_id FROM placements WHERE tenant_id = ANY ($1)";

    private const string OwnedCores = "SELECT tenant_id, array_agg(apic_id ORDER BY apic_id) FROM core_allocations WHERE tenant_id = ANY ($1) GROUP BY tenant_id";

    private const string OwnedMemory = "SELECT tenant_id, start_address, size_bytes FROM memory_allocations WHERE tenant_id = ANY ($1) ORDER BY tenant_id, start_address";

    private const string OwnedDevices = "SELECT tenant_id, pci_address FROM device_allocations WHERE tenant_id = ANY ($1)";

    /// <param name="only">Null: all nodes of the fleet, by name.</param>
    public static async Task<List<NodeStanding>> StandingsAsync(NpgsqlConnection connection, Guid? only, CancellationToken cancel)
    {
        var standings = new List<NodeStanding>();
        await EachAsync(connection, only is null ? $"{Standings} ORDER BY n.name" : $"{Standings} AND n.id = ANY ($1)", only is { } node ? [node] : [], row => standings.Add(new NodeStanding(row.GetGuid(0), row.GetFieldValue<uint>(1), State(Enum.Parse<NodeState>(row.GetString(2)), row.GetBoolean(3)), row.GetInt32(4))), cancel);
        return standings;
    }

    /// <summary>Placements: fence and whether the tenant is on its way out.</summary>
    /// <param name="only">On this node; null: all.</param>
    public static async Task<Dictionary<Guid, (long Fence, bool Leaving)>> PlacesAsync(NpgsqlConnection connection, Guid? only, CancellationToken cancel)
    {
        var places = new Dictionary<Guid, (long, bool)>();
        await EachAsync(connection, only is null ? Places : $"{Places} WHERE p.node_id = ANY ($1)", only is { } node ? [node] : [], row => places[row.GetGuid(0)] = (row.GetInt64(1), row.GetBoolean(2)), cancel);
        return places;
    }

    public static async Task<Dictionary<Guid, NodeInventory>> InventoryAsync(NpgsqlConnection connection, IReadOnlyCollection<Guid> nodes, CancellationToken cancel)
    {
        var found = new Dictionary<Guid, NodeInventory>();
        await EachAsync(connection, Nodes, nodes, row => found[row.GetGuid(0)] = new NodeInventory
        {
            Id = row.GetGuid(0),
            Name = row.GetString(1),
            Rack = row.GetString(2),
            PowerDomain = row.GetString(3),
            Labels = JsonSerializer.Deserialize<Dictionary<string, string>>(row.GetString(4))!,
            ImageRoom = row.IsDBNull(5) ? long.MaxValue : row.GetInt64(5),
        }, cancel);
        await EachAsync(connection, Cores, nodes, row =>
        {
            int[] ids = row.GetFieldValue<int[]>(1), cells = row.GetFieldValue<int[]>(2), domains = row.GetFieldValue<int[]>(3), cores = row.GetFieldValue<int[]>(4), threads = row.GetFieldValue<int[]>(5);
            bool[] reserved = row.GetFieldValue<bool[]>(6);
            for (int i = 0; i < ids.Length; i++) found[row.GetGuid(0)].Cores.Add(new CoreRow(ids[i], cells[i], domains[i], cores[i], threads[i], reserved[i]));
        }, cancel);
        await EachAsync(connection, Memory, nodes, row => found[row.GetGuid(0)].Memory.Add((row.GetInt64(1), row.GetInt64(2), row.GetInt32(3))), cancel);
        await EachAsync(connection, Devices, nodes, row =>
            found[row.GetGuid(0)].Devices.Add(new DeviceRow(row.GetString(1), row.GetString(2) == "Nic" ? TenantRequest.NicClass : TenantRequest.DiskClass, row.IsDBNull(3) ? null : row.GetInt32(3), row.IsDBNull(4) ? null : row.GetGuid(4))), cancel);
        return found;
    }

    public static async Task<Dictionary<Guid, OwnedPlace>> OwnedAsync(NpgsqlConnection connection, IReadOnlyCollection<Guid> tenants, CancellationToken cancel)
    {
        var owned = new Dictionary<Guid, OwnedPlace>();
        if (tenants.Count == 0) return owned;
        await EachAsync(connection, Owned, tenants, row => owned[row.GetGuid(0)] = new OwnedPlace { TenantId = row.GetGuid(0), NodeId = row.GetGuid(1) }, cancel);
        await EachAsync(connection, OwnedCores, tenants, row => owned[row.GetGuid(0)].ApicIds.AddRange(row.GetFieldValue<int[]>(1)), cancel);
        await EachAsync(connection, OwnedMemory, tenants, row => owned[row.GetGuid(0)].Memory.Add((row.GetInt64(1), row.GetInt64(2))), cancel);
        await EachAsync(connection, OwnedDevices, tenants, row => owned[row.GetGuid(0)].PciAddresses.Add(row.GetString(1)), cancel);
        return owned;
    }

    private static PlanState State(NodeState state, bool unhealthy) => state switch
    {
        NodeState.Ready => unhealthy ? PlanState.Quarantined : PlanState.Ready,
        NodeState.Draining or NodeState.Drained => PlanState.Drained,
        NodeState.Lost => PlanState.Lost,
        _ => PlanState.Quarantined,
    };

    private static async Task EachAsync(NpgsqlConnection connection, string sql, IReadOnlyCollection<Guid> ids, Action<NpgsqlDataReader> read, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        if (sql.Contains("$1", StringComparison.Ordinal)) command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = [.. ids] });
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel)) read(row);
    }
}
