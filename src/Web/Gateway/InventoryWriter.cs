using System.Globalization;
using System.Text.RegularExpressions;
using Npgsql;
using Osv.Data.Nodes;
using Osv.Scheduler.Hosting;
using Wire = Osv.Contracts.Node;

namespace Osv.Web.Gateway;

/// <summary>
/// Writes what a node has. What is sold stays a row until it is given back, even if the node no longer has it: then it is not sold again, and a report
/// of health says why.
/// </summary>
internal sealed partial class InventoryWriter(NpgsqlDataSource source, HealthReports health, IServiceProvider services, ILogger<InventoryWriter> log)
{
    private const int MostCores = 4096, MostRanges = 1024, MostFunctions = 4096;

    private const long Unit = 2 << 20;

    private const string Watched = "inventory";

    private sealed record CoreRow(int ApicId, int Cell, int CacheDomain, int PhysicalCore, int Threads, bool Reserved);

    private sealed record BlockRow(long Start, long Size, int Cell);

    private sealed record DeviceRow(string Address, DeviceKind Kind, int Vendor, int Device, bool Reserved);

    /// <returns>What was wrong with it; null: nothing.</returns>
    public async Task<string?> WriteAsync(NodeLink link, Wire.Inventory inventory, CancellationToken cancel)
    {
        if (Check(inventory) is { } problem) return problem;
        IReadOnlyList<CoreRow> cores = Cores(inventory);
        List<BlockRow> blocks = Blocks(inventory);
        IReadOnlyList<DeviceRow> devices = Devices(inventory);
        await using NpgsqlConnection connection = await source.OpenConnectionAsync(cancel);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancel);
        // The lock that the commit of placements takes: nothing is sold while the inventory changes.
        await RunAsync(connection, "SELECT FROM nodes WHERE id = $1 FOR NO KEY UPDATE", cancel, Node(link));
        int changed = await RunAsync(connection, "INSERT INTO node_cells (node_id, cell_number) SELECT $1, c FROM unnest($2) AS c ON CONFLICT DO NOTHING", cancel,
            Node(link), Array([.. cores.Select(core => core.Cell).Concat(blocks.Select(block => block.Cell)).Distinct()]));
        changed += await WriteCoresAsync(connection, link, cores, cancel);
        (int blocksChanged, string? stale) = await WriteBlocksAsync(connection, link, blocks, cancel);
        changed += blocksChanged;
        changed += await WriteDevicesAsync(connection, link, devices, cancel);
        // A new version of the node's row tells the planner to read its inventory anew.
        string monitor = string.Create(CultureInfo.InvariantCulture, $"ABI {inventory.AbiVersion}, {inventory.TrustedBytes >> 10} KiB");
        await RunAsync(connection, "UPDATE nodes SET agent_version = $2, monitor_version = $3, image_bytes = $5 WHERE id = $1 AND ($4 OR (agent_version, monitor_version, image_bytes) IS DISTINCT FROM ($2, $3, $5))", cancel,
            Node(link), new NpgsqlParameter<string> { TypedValue = link.AgentVersion }, new NpgsqlParameter<string> { TypedValue = monitor }, new NpgsqlParameter<bool> { TypedValue = changed > 0 },
            new NpgsqlParameter<long?> { TypedValue = inventory.ImageBytes == 0 ? null : (long)inventory.ImageBytes });
        await transaction.CommitAsync(cancel);
        // Not before: the scheduler takes the lifecycle first and the node's row after it.
        await RunAsync(connection, "UPDATE node_lifecycles SET due_at = clock_timestamp() WHERE node_id = $1 AND state IN ('Discovered', 'Lost') AND (due_at IS NULL OR due_at > clock_timestamp())", cancel, Node(link));
        if (stale is not null) await health.NodeAsync(link.Node, Watched, stale, null, null, prevents: true, cancel);
        else await health.WithdrawNodeAsync(link.Node, Watched, cancel);
        services.GetService<WakeSignals>()?.Nodes.Set();
        int free = cores.Count(core => !core.Reserved);
        long bytes = blocks.Sum(block => block.Size);
        log.InventoryTaken(link.Name, free, bytes >> 20);
        return null;
    }

    private static string? Check(Wire.Inventory inventory) =>
        inventory.Cores.Count is 0 or > MostCores ? $"{inventory.Cores.Count} cores: there are 1 to {MostCores}"
        : inventory.Memory.Count is 0 or > MostRanges ? $"{inventory.Memory.Count} ranges of memory: there are 1 to {MostRanges}"
        : inventory.Pci.Count > MostFunctions ? $"{inventory.Pci.Count} PCI functions, at most {MostFunctions}"
        : inventory.Cores.Any(core => core.ApicId > int.MaxValue || core.Cell > int.MaxValue || core.CacheDomain > int.MaxValue || core.PhysicalCore > int.MaxValue) ? "a core with a number that cannot be"
        : inventory.Cores.DistinctBy(core => core.ApicId).Count() != inventory.Cores.Count ? "two cores with one APIC id"
        : inventory.Memory.Any(range => range.Cell > int.MaxValue || range.HostAddress > long.MaxValue / 2 || range.Bytes > long.MaxValue / 2) ? "a range of memory that cannot be"
        : inventory.ImageBytes > long.MaxValue ? "room for more images than can be"
        : Overlap(inventory) ? "two ranges of memory that overlap"
        : null;

    private static bool Overlap(Wire.Inventory inventory)
    {
        ulong end = 0;
        foreach (Wire.MemoryRange range in inventory.Memory.OrderBy(range => range.HostAddress))
        {
            if (range.HostAddress < end) return true;
            end = range.HostAddress + range.Bytes;
        }
        return false;
    }

    private static IReadOnlyList<CoreRow> Cores(Wire.Inventory inventory)
    {
        ILookup<uint, Wire.Core> physical = inventory.Cores.ToLookup(core => core.PhysicalCore);
        // Threads of one core go together: what shares one with the management partition is never sold.
        return [.. inventory.Cores.Select(core => new CoreRow(
            (int)core.ApicId, (int)core.Cell, (int)core.CacheDomain, (int)core.PhysicalCore, physical[core.PhysicalCore].Count(), physical[core.PhysicalCore].Any(sibling => sibling.Partition == 0)))];
    }

    /// <summary>Whole units only.</summary>
    private static List<BlockRow> Blocks(Wire.Inventory inventory)
    {
        var blocks = new List<BlockRow>();
        foreach (Wire.MemoryRange range in inventory.Memory)
        {
            long start = ((long)range.HostAddress + Unit - 1) / Unit * Unit, end = (long)(range.HostAddress + range.Bytes) / Unit * Unit;
            if (end > start) blocks.Add(new BlockRow(start, end - start, (int)range.Cell));
        }
        return blocks;
    }

    private static IReadOnlyList<DeviceRow> Devices(Wire.Inventory inventory) =>
    [
        .. inventory.Pci.Where(function => PciAddress().IsMatch(function.Address)).DistinctBy(function => function.Address).Select(function => new DeviceRow(
            function.Address,
            // PCI Code and ID Assignment, base classes. Of mass storage only NVM Express: nothing else can be erased between tenants.
            (function.ClassCode >> 16) switch { 0x01 when function.ClassCode >> 8 == 0x0108 => DeviceKind.Disk, 0x02 => DeviceKind.Nic, 0x03 or 0x12 => DeviceKind.Accelerator, _ => DeviceKind.Other },
            (int)(function.Vendor & 0xFFFF), (int)(function.Device & 0xFFFF), function.Partition == 0 || !function.Assignable)),
    ];

    private static async Task<int> WriteCoresAsync(NpgsqlConnection connection, NodeLink link, IReadOnlyList<CoreRow> cores, CancellationToken cancel)
    {
        NpgsqlParameter<int[]> ids = Array([.. cores.Select(core => core.ApicId)]);
        int changed = await RunAsync(connection,
            """
            INSERT INTO node_cores AS c (node_id, apic_id, cell_number, cache_domain, physical_core, threads_per_core, reserved)
            SELECT $1, w.* FROM unnest($2, $3, $4, $5, $6, $7) AS w
            ON CONFLICT (node_id, apic_id) DO UPDATE SET cell_number = EXCLUDED.cell_number, cache_domain = EXCLUDED.cache_domain, physical_core = EXCLUDED.physical_core,
                threads_per_core = EXCLUDED.threads_per_core, reserved = EXCLUDED.reserved
            WHERE (c.cell_number, c.cache_domain, c.physical_core, c.threads_per_core, c.reserved) IS DISTINCT FROM
                (EXCLUDED.cell_number, EXCLUDED.cache_domain, EXCLUDED.physical_core, EXCLUDED.threads_per_core, EXCLUDED.reserved)
            """,
            cancel, Node(link), ids, Array([.. cores.Select(core => core.Cell)]), Array([.. cores.Select(core => core.CacheDomain)]), Array([.. cores.Select(core => core.PhysicalCore)]),
            Array([.. cores.Select(core => core.Threads)]), new NpgsqlParameter<bool[]> { TypedValue = [.. cores.Select(core => core.Reserved)] });
        changed += await RunAsync(connection,
            "DELETE FROM node_cores c WHERE c.node_id = $1 AND c.apic_id <> ALL ($2) AND NOT EXISTS (SELECT FROM core_allocations a WHERE a.node_id = c.node_id AND a.apic_id = c.apic_id)", cancel, Node(link), ids.Clone());
        changed += await RunAsync(connection, "UPDATE node_cores SET reserved = true WHERE node_id = $1 AND apic_id <> ALL ($2) AND NOT reserved", cancel, Node(link), ids.Clone());
        return changed;
    }

    private static async Task<(int Changed, string? Stale)> WriteBlocksAsync(NpgsqlConnection connection, NodeLink link, IReadOnlyList<BlockRow> blocks, CancellationToken cancel)
    {
        const string given = "unnest($2, $3, $4) AS w(start_address, size_bytes, cell_number)";
        NpgsqlParameter[] Parameters() =>
        [
            Node(link), new NpgsqlParameter<long[]> { TypedValue = [.. blocks.Select(block => block.Start)] }, new NpgsqlParameter<long[]> { TypedValue = [.. blocks.Select(block => block.Size)] },
            Array([.. blocks.Select(block => block.Cell)]),
        ];
        int changed = await RunAsync(connection,
            $"""
            DELETE FROM node_memory_blocks b WHERE b.node_id = $1
                AND NOT EXISTS (SELECT FROM {given} WHERE w.start_address = b.start_address AND w.size_bytes = b.size_bytes AND w.cell_number = b.cell_number)
                AND NOT EXISTS (SELECT FROM memory_allocations a WHERE a.node_id = b.node_id AND a.block_start_address = b.start_address AND a.block_size_bytes = b.size_bytes)
            """,
            cancel, Parameters());
        changed += await RunAsync(connection,
            $"""
            INSERT INTO node_memory_blocks (node_id, start_address, size_bytes, cell_number)
            SELECT $1, w.start_address, w.size_bytes, w.cell_number FROM {given}
            WHERE NOT EXISTS (SELECT FROM node_memory_blocks b WHERE b.node_id = $1 AND b.start_address < w.start_address + w.size_bytes AND w.start_address < b.start_address + b.size_bytes)
            """,
            cancel, Parameters());
        await using var stale = new NpgsqlCommand(
            $"SELECT count(*) FROM node_memory_blocks b WHERE b.node_id = $1 AND NOT EXISTS (SELECT FROM {given} WHERE w.start_address = b.start_address AND w.size_bytes = b.size_bytes AND w.cell_number = b.cell_number)", connection);
        stale.Parameters.AddRange(Parameters());
        long left = (long)(await stale.ExecuteScalarAsync(cancel))!;
        return (changed, left == 0 ? null : string.Create(CultureInfo.InvariantCulture, $"its memory map changed while tenants own memory of {left} blocks of the old one: nothing is placed on it until they have left and its agent has reported anew"));
    }

    private static async Task<int> WriteDevicesAsync(NpgsqlConnection connection, NodeLink link, IReadOnlyList<DeviceRow> devices, CancellationToken cancel)
    {
        var addresses = new NpgsqlParameter<string[]> { TypedValue = [.. devices.Select(device => device.Address)] };
        var kinds = new NpgsqlParameter<string[]> { TypedValue = [.. devices.Select(device => device.Kind.ToString())] };
        NpgsqlParameter<int[]> vendors = Array([.. devices.Select(device => device.Vendor)]), models = Array([.. devices.Select(device => device.Device)]);
        // Another set of functions is that of another boot: a card more, and disks have each other's addresses. Then nobody knows whose data is where.
        int changed = await RunAsync(connection,
            """
            UPDATE node_devices SET last_tenant_id = NULL WHERE node_id = $1 AND last_tenant_id IS NOT NULL AND EXISTS (
                SELECT FROM (SELECT pci_address, vendor_id, device_id FROM node_devices WHERE node_id = $1) known
                    FULL JOIN unnest($2, $3, $4) AS told(pci_address, vendor_id, device_id) USING (pci_address, vendor_id, device_id)
                WHERE known IS NULL OR told IS NULL)
            """,
            cancel, Node(link), addresses, vendors, models);
        changed += await RunAsync(connection,
            """
            INSERT INTO node_devices AS d (node_id, pci_address, kind, vendor_id, device_id, reserved)
            SELECT $1, w.* FROM unnest($2, $3, $4, $5, $6) AS w
            ON CONFLICT (node_id, pci_address) DO UPDATE SET kind = EXCLUDED.kind, vendor_id = EXCLUDED.vendor_id, device_id = EXCLUDED.device_id, reserved = EXCLUDED.reserved
            WHERE (d.kind, d.vendor_id, d.device_id, d.reserved) IS DISTINCT FROM (EXCLUDED.kind, EXCLUDED.vendor_id, EXCLUDED.device_id, EXCLUDED.reserved)
            """,
            cancel, Node(link), addresses.Clone(), kinds, vendors.Clone(), models.Clone(),
            new NpgsqlParameter<bool[]> { TypedValue = [.. devices.Select(device => device.Reserved)] });
        changed += await RunAsync(connection, "UPDATE node_devices SET reserved = true WHERE node_id = $1 AND pci_address <> ALL ($2) AND NOT reserved", cancel, Node(link), addresses.Clone());
        return changed + await RunAsync(connection,
            "DELETE FROM node_devices d WHERE d.node_id = $1 AND d.pci_address <> ALL ($2) AND NOT EXISTS (SELECT FROM device_allocations a WHERE a.node_id = d.node_id AND a.pci_address = d.pci_address)", cancel, Node(link), addresses.Clone());
    }

    private static NpgsqlParameter<Guid> Node(NodeLink link) => new() { TypedValue = link.Node };

    private static NpgsqlParameter<int[]> Array(int[] values) => new() { TypedValue = values };

    private static async Task<int> RunAsync(NpgsqlConnection connection, string sql, CancellationToken cancel, params NpgsqlParameter[] parameters)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        command.Parameters.AddRange(parameters);
        return Math.Max(0, await command.ExecuteNonQueryAsync(cancel));
    }

    /// <summary>As the table wants it.</summary>
    [GeneratedRegex("^[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\\.[0-7]$")]
    private static partial Regex PciAddress();
}
