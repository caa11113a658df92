using Npgsql;
using Osv.Data.Placements;

namespace Osv.Database.Testing;

/// <summary>What the nodes of a fleet look like; all cells are equal.</summary>
public sealed record NodeShape
{
    public int Cells { get; init; } = 2;

    public int CoresPerCell { get; init; } = 8;

    public int ThreadsPerCore { get; init; } = 1;

    public long MemoryBytesPerCell { get; init; } = 64L << 30;

    public int NicsPerCell { get; init; } = 2;

    public int DisksPerCell { get; init; } = 2;

    /// <summary>Memory of a cell begins here.</summary>
    public static long MemoryStart(int cell) => ((long)cell << 40) + (4L << 30);

    /// <summary>Address of a NIC.</summary>
    public static string Nic(int cell, int index) => $"0000:{(cell * 0x40) + index:x2}:00.0";

    /// <summary>Address of a disk.</summary>
    public static string Disk(int cell, int index) => $"0000:{(cell * 0x40) + 0x20 + index:x2}:00.0";
}

/// <summary>Fills a database with projects, nodes and tenants.</summary>
public sealed class FleetSeed(NpgsqlDataSource source)
{
    /// <summary>A project without a quota, with an image of its own named "image".</summary>
    public async Task<Guid> ProjectAsync(string name)
    {
        var project = Guid.CreateVersion7();
        await ExecuteAsync(
            """
            WITH project AS (INSERT INTO projects (id, name, created_at) VALUES ($1, $2, now()) RETURNING id),
                 content AS (INSERT INTO contents (sha256, size_bytes, stored_at) VALUES (sha256('kernel'), 6, now()) ON CONFLICT DO NOTHING)
            INSERT INTO images (id, project_id, name, kernel_sha256, command_line, created_at) SELECT gen_random_uuid(), id, 'image', sha256('kernel'), '', now() FROM project
            """,
            project,
            name);
        return project;
    }

    /// <summary>Ready nodes with APIC ids from 0, cell by cell; racks and power domains of <paramref name="nodesPerRack"/> nodes each.</summary>
    public async Task<Guid[]> NodesAsync(int count, NodeShape shape, string prefix = "node", int nodesPerRack = 16)
    {
        Guid[] ids = [.. Enumerable.Range(0, count).Select(_ => Guid.CreateVersion7())];
        int[] numbers = [.. Enumerable.Range(0, count)];
        await ExecuteAsync(
            """
            INSERT INTO nodes (id, name, serial_number, rack, power_domain, labels, registered_at)
            SELECT id, $3 || '-' || number, $3 || '-serial-' || number, $3 || '-rack-' || number / $4, $3 || '-power-' || number / $4, '{}', now() FROM unnest($1, $2) AS n(id, number)
            """,
            ids,
            numbers,
            prefix,
            nodesPerRack);
        await ExecuteAsync("INSERT INTO node_cells (node_id, cell_number) SELECT id, cell FROM unnest($1) id, generate_series(0, $2 - 1) cell", ids, shape.Cells);
        await ExecuteAsync(
            """
            INSERT INTO node_cores (node_id, apic_id, cell_number, cache_domain, physical_core, threads_per_core, reserved)
            SELECT id, cell * $3 + core, cell, (cell * $3 + core) / 8, (cell * $3 + core) / $4, $4, false FROM unnest($1) id, generate_series(0, $2 - 1) cell, generate_series(0, $3 - 1) core
            """,
            ids,
            shape.Cells,
            shape.CoresPerCell,
            shape.ThreadsPerCore);
        await ExecuteAsync(
            "INSERT INTO node_memory_blocks (node_id, start_address, size_bytes, cell_number) SELECT id, (cell::bigint << 40) + (4::bigint << 30), $3, cell FROM unnest($1) id, generate_series(0, $2 - 1) cell",
            ids,
            shape.Cells,
            shape.MemoryBytesPerCell);
        foreach ((string kind, int perCell, int offset) in new[] { ("Nic", shape.NicsPerCell, 0), ("Disk", shape.DisksPerCell, 0x20) })
        {
            await ExecuteAsync(
                """
                INSERT INTO node_devices (node_id, pci_address, kind, vendor_id, device_id, cell_number, reserved)
                SELECT id, '0000:' || lpad(to_hex(cell * 64 + $4 + device), 2, '0') || ':00.0', $5, 32902, 5379, cell, false
                FROM unnest($1) id, generate_series(0, $2 - 1) cell, generate_series(0, $3 - 1) device
                """,
                ids,
                shape.Cells,
                perCell,
                offset,
                kind);
        }
        await ExecuteAsync("INSERT INTO node_lifecycles (node_id, state, reason, owner, deadline_at) SELECT id, 'Discovered', 'seeded', 'agent', now() + interval '1 hour' FROM unnest($1) id", ids);
        foreach (string state in new[] { "PendingApproval", "Ready" })
        {
            await ExecuteAsync("UPDATE node_lifecycles SET state = $2, reason = 'seeded' WHERE node_id = ANY ($1)", ids, state);
        }
        return ids;
    }

    /// <summary>Tenants that wait for a place.</summary>
    public async Task<Guid[]> TenantsAsync(Guid project, int count, int cores = 2, long memoryBytes = 2L << 30, int nics = 0, int disks = 0, string prefix = "tenant")
    {
        Guid[] ids = [.. Enumerable.Range(0, count).Select(_ => Guid.CreateVersion7())];
        await ExecuteAsync(
            """
            INSERT INTO tenants (id, project_id, name, image_id, core_count, memory_bytes, nic_count, disk_count, restart_policy, priority, runs_on_without_lease, labels, created_at)
            SELECT id, $2, $3 || '-' || id, (SELECT i.id FROM images i WHERE i.project_id = $2), $4, $5, $6, $7, 'Always', 0, false, '{}', now() FROM unnest($1) id
            """,
            ids,
            project,
            prefix,
            cores,
            memoryBytes,
            nics,
            disks);
        await ExecuteAsync(
            "INSERT INTO tenant_lifecycles (tenant_id, state, reason, owner, deadline_at, due_at, restarts) SELECT id, 'Pending', 'waits for a place', 'scheduler', now() + interval '1 hour', now(), 0 FROM unnest($1) id",
            ids);
        return ids;
    }

    /// <summary>A plan that gives a tenant the given cores, and memory at a given offset into a cell.</summary>
    public static PlacementPlan Plan(Guid tenant, Guid node, int[] cores, long memoryOffset = 0, long memoryBytes = 2L << 30, int cell = 0, params string[] devices) => new()
    {
        TenantId = tenant,
        NodeId = node,
        ApicIds = cores,
        Memory = [new MemoryStretch(NodeShape.MemoryStart(cell) + memoryOffset, memoryBytes)],
        PciAddresses = devices,
    };

    private async Task ExecuteAsync(string sql, params object[] parameters)
    {
        await using NpgsqlCommand command = source.CreateCommand(sql);
        command.CommandTimeout = 600;
        foreach (object parameter in parameters) command.Parameters.Add(new NpgsqlParameter { Value = parameter });
        await command.ExecuteNonQueryAsync();
    }
}
