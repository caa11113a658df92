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

    /// <summary>Of the whole fleet, by name.</summary>
    public static async Task<List<NodeStanding>> StandingsAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        var standings = new List<NodeStanding>();
        await FleetQuery.RunAsync(connection, [Standing(standings, "ORDER BY n.name")], null, cancel);
        return standings;
    }

    /// <summary>All placements: fence and whether the tenant is on its way out.</summary>
    public static async Task<Dictionary<Guid, (long Fence, bool Leaving)>> PlacesAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        var places = new Dictionary<Guid, (long, bool)>();
        await FleetQuery.RunAsync(connection, [Place(places, "")], null, cancel);
        return places;
    }

    public static async Task<Dictionary<Guid, NodeInventory>> InventoryAsync(NpgsqlConnection connection, IReadOnlyCollection<Guid> nodes, CancellationToken cancel)
    {
        var found = new Dictionary<Guid, NodeInventory>();
        await FleetQuery.RunAsync(connection, Inventory(found, FleetQuery.AnyOf), () => FleetQuery.Parameter(nodes), cancel);
        return found;
    }

    public static async Task<Dictionary<Guid, OwnedPlace>> OwnedAsync(NpgsqlConnection connection, IReadOnlyCollection<Guid> tenants, CancellationToken cancel)
    {
        var owned = new Dictionary<Guid, OwnedPlace>();
        if (tenants.Count > 0) await FleetQuery.RunAsync(connection, Owned(owned, FleetQuery.AnyOf), () => FleetQuery.Parameter(tenants), cancel);
        return owned;
    }

    /// <returns>Null: there is no such node.</returns>
    public static async Task<NodeReading?> NodeAsync(NpgsqlConnection connection, Guid node, CancellationToken cancel)
    {
        var standings = new List<NodeStanding>();
        var inventory = new Dictionary<Guid, NodeInventory>();
        var cells = new List<int>();
        var places = new Dictionary<Guid, (long Fence, bool Leaving)>();
        var requests = new Dictionary<Guid, TenantRequest>();
        var owned = new Dictionary<Guid, OwnedPlace>();
        FleetQuery[] queries =
        [
            Standing(standings, $"AND n.id {FleetQuery.Only}"), .. Inventory(inventory, FleetQuery.Only),
            new($"SELECT cell_number FROM node_cells WHERE node_id {FleetQuery.Only} ORDER BY cell_number", row => cells.Add(row.GetInt32(0))),
            Place(places, $"WHERE p.node_id {FleetQuery.Only}"), TenantRequest.Query(requests, FleetQuery.PlacedOn), .. Owned(owned, FleetQuery.PlacedOn),
        ];
        await FleetQuery.RunAsync(connection, queries, () => FleetQuery.Parameter(node), cancel);
        return inventory.TryGetValue(node, out NodeInventory? found) ? new NodeReading(found, cells, owned.Values, requests, Planned()) : null;

        FleetSnapshot Planned()
        {
            if (standings is not [NodeStanding standing] || inventory[node].Cores.Count == 0) return new FleetSnapshot([]);
            try
            {
                var snapshot = new FleetSnapshot([(inventory[node], standing)]);
                foreach (OwnedPlace place in owned.Values) snapshot.Enter(place, requests[place.TenantId], inventory[node], places[place.TenantId].Leaving);
                return snapshot;
            }
            catch (ArgumentException)
            {
                // The planner leaves it out, too.
                return new FleetSnapshot([]);
            }
        }
    }

    private static FleetQuery Standing(List<NodeStanding> into, string which) => new($"{Standings} {which}", row =>
        into.Add(new NodeStanding(row.GetGuid(0), row.GetFieldValue<uint>(1), State(Enum.Parse<NodeState>(row.GetString(2)), row.GetBoolean(3)), row.GetInt32(4))));

    private static FleetQuery Place(Dictionary<Guid, (long Fence, bool Leaving)> into, string which) => new($"{Places} {which}", row => into[row.GetGuid(0)] = (row.GetInt64(1), row.GetBoolean(2)));

    /// <param name="into">Nodes by id.</param>
    /// <param name="which">Condition on the id of a node.</param>
    private static FleetQuery[] Inventory(Dictionary<Guid, NodeInventory> into, string which) =>
    [
        new($"SELECT id, name, rack, power_domain, labels::text, image_bytes FROM nodes WHERE id {which}", row => into[row.GetGuid(0)] = new NodeInventory
        {
            Id = row.GetGuid(0),
            Name = row.GetString(1),
            Rack = row.GetString(2),
            PowerDomain = row.GetString(3),
            Labels = JsonSerializer.Deserialize<Dictionary<string, string>>(row.GetString(4))!,
            ImageRoom = row.IsDBNull(5) ? long.MaxValue : row.GetInt64(5),
        }),
        new(
            $"""
            SELECT node_id, array_agg(apic_id ORDER BY apic_id), array_agg(cell_number ORDER BY apic_id), array_agg(cache_domain ORDER BY apic_id), array_agg(physical_core ORDER BY apic_id),
                array_agg(threads_per_core ORDER BY apic_id), array_agg(reserved ORDER BY apic_id) FROM node_cores WHERE node_id {which} GROUP BY node_id
            """,
            row =>
            {
                int[] ids = row.GetFieldValue<int[]>(1), cells = row.GetFieldValue<int[]>(2), domains = row.GetFieldValue<int[]>(3), cores = row.GetFieldValue<int[]>(4), threads = row.GetFieldValue<int[]>(5);
                bool[] reserved = row.GetFieldValue<bool[]>(6);
                for (int i = 0; i < ids.Length; i++) into[row.GetGuid(0)].Cores.Add(new CoreRow(ids[i], cells[i], domains[i], cores[i], threads[i], reserved[i]));
            }),
        new($"SELECT node_id, start_address, size_bytes, cell_number FROM node_memory_blocks WHERE node_id {which}", row => into[row.GetGuid(0)].Memory.Add((row.GetInt64(1), row.GetInt64(2), row.GetInt32(3)))),
        new(
            $"SELECT node_id, pci_address, kind, cell_number, last_tenant_id FROM node_devices WHERE node_id {which} AND NOT reserved AND kind IN ('Nic', 'Disk') ORDER BY pci_address",
            row => into[row.GetGuid(0)].Devices.Add(new DeviceRow(row.GetString(1), row.GetString(2) == "Nic" ? TenantRequest.NicClass : TenantRequest.DiskClass, row.IsDBNull(3) ? null : row.GetInt32(3), row.IsDBNull(4) ? null : row.GetGuid(4)))),
    ];

    /// <param name="into">What tenants own, by their id.</param>
    /// <param name="which">Condition on the id of a tenant.</param>
    private static FleetQuery[] Owned(Dictionary<Guid, OwnedPlace> into, string which) =>
    [
        new($"SELECT tenant_id, node_id FROM placements WHERE tenant_id {which}", row => into[row.GetGuid(0)] = new OwnedPlace { TenantId = row.GetGuid(0), NodeId = row.GetGuid(1) }),
        new($"SELECT tenant_id, array_agg(apic_id ORDER BY apic_id) FROM core_allocations WHERE tenant_id {which} GROUP BY tenant_id", row => into[row.GetGuid(0)].ApicIds.AddRange(row.GetFieldValue<int[]>(1))),
        new($"SELECT tenant_id, start_address, size_bytes FROM memory_allocations WHERE tenant_id {which} ORDER BY tenant_id, start_address", row => into[row.GetGuid(0)].Memory.Add((row.GetInt64(1), row.GetInt64(2)))),
        new($"SELECT tenant_id, pci_address FROM device_allocations WHERE tenant_id {which}", row => into[row.GetGuid(0)].PciAddresses.Add(row.GetString(1))),
    ];

    private static PlanState State(NodeState state, bool unhealthy) => state switch
    {
        NodeState.Ready => unhealthy ? PlanState.Quarantined : PlanState.Ready,
        NodeState.Draining or NodeState.Drained => PlanState.Drained,
        NodeState.Lost => PlanState.Lost,
        _ => PlanState.Quarantined,
    };
}
