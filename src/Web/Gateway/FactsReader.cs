using System.Data;
using Google.Protobuf;
using Npgsql;
using Osv.Data.Nodes;
using Osv.Data.Tenants;
using Osv.Web.Boot;
using Osv.Web.Networks;
using Wire = Osv.Contracts.Node;

namespace Osv.Web.Gateway;

/// <summary>Reads from the rows what agents are to be told, for many nodes at once and as of one moment.</summary>
internal sealed class FactsReader(NpgsqlDataSource source, ArtifactLinks links, NodeImage images, NodeAddresses addresses, RackNetworks networks)
{
    // A node that has booted is Lost to the scheduler in a moment: it is so here already.
    private const string Nodes =
        """
        SELECT n.id, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
            l.state = 'Retired' OR NOT EXISTS (SELECT FROM node_certificates x WHERE x.node_id = n.id AND x.revoked_at IS NULL),
            l.state = 'Lost' OR (l.state IN ('Ready', 'Draining', 'Drained', 'Quarantined') AND c.boot_seen_at > l.entered_at),
            c.stream
        FROM nodes n JOIN node_lifecycles l ON l.node_id = n.id LEFT JOIN node_connections c ON c.node_id = n.id WHERE n.id = ANY ($1)
        """;

    private const string Tenants =
        """
        SELECT p.node_id, p.tenant_id, p.fence, p.placed_at, t.name, t.restart_policy, t.runs_on_without_lease, t.ssh_key,
            coalesce(d.intent, 'Run'), coalesce(d.reboots, 0), l.state, l.entered_at,
            i.name, i.kernel_sha256, k.size_bytes, i.initrd_sha256, r.size_bytes, i.command_line, c.ids, m.cells, m.bytes, u.content, d.trace_parent, f.addresses, f.dirty, f.nics, n.rack
        FROM placements p JOIN nodes n ON n.id = p.node_id JOIN tenants t ON t.id = p.tenant_id JOIN tenant_lifecycles l ON l.tenant_id = p.tenant_id LEFT JOIN tenant_desired d ON d.tenant_id = p.tenant_id
            LEFT JOIN tenant_user_data u ON u.tenant_id = p.tenant_id
            JOIN images i ON i.id = t.image_id JOIN contents k ON k.sha256 = i.kernel_sha256 LEFT JOIN contents r ON r.sha256 = i.initrd_sha256
            CROSS JOIN LATERAL (SELECT coalesce(array_agg(a.apic_id ORDER BY h.cell_number, a.apic_id), '{}') AS ids
                FROM core_allocations a JOIN node_cores h ON h.node_id = a.node_id AND h.apic_id = a.apic_id WHERE a.tenant_id = p.tenant_id) c
            CROSS JOIN LATERAL (SELECT coalesce(array_agg(x.cell_number ORDER BY x.cell_number), '{}') AS cells, coalesce(array_agg(x.bytes ORDER BY x.cell_number), '{}') AS bytes FROM (
                SELECT b.cell_number, sum(a.size_bytes)::bigint AS bytes FROM memory_allocations a
                    JOIN node_memory_blocks b ON b.node_id = a.node_id AND b.start_address = a.block_start_address AND b.size_bytes = a.block_size_bytes
                WHERE a.tenant_id = p.tenant_id GROUP BY b.cell_number) x) m
            CROSS JOIN LATERAL (SELECT coalesce(array_agg(a.pci_address ORDER BY a.pci_address), '{}') AS addresses,
                    coalesce(array_agg(a.pci_address ORDER BY a.pci_address) FILTER (WHERE h.kind = 'Disk' AND h.last_tenant_id IS DISTINCT FROM a.tenant_id), '{}') AS dirty,
                    coalesce(array_agg(a.pci_address ORDER BY a.pci_address) FILTER (WHERE h.kind = 'Nic'), '{}') AS nics
                FROM device_allocations a JOIN node_devices h ON h.node_id = a.node_id AND h.pci_address = a.pci_address WHERE a.tenant_id = p.tenant_id) f
        WHERE p.node_id = ANY ($1) ORDER BY p.tenant_id
        """;

    private const string Commands =
        "SELECT node_id, id, kind, tenant_id, requested_by FROM node_commands WHERE node_id = ANY ($1) AND sent_at IS NULL AND expires_at > clock_timestamp() ORDER BY requested_at";

    /// <summary>Nodes that do not exist any more are told as not admitted.</summary>
    public async Task<IReadOnlyList<NodeFacts>> ReadAsync(IReadOnlyCollection<Guid> nodes, CancellationToken cancel)
    {
        await using NpgsqlConnection connection = await source.OpenConnectionAsync(cancel);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancel);
        var standings = new Dictionary<Guid, (ulong Revision, bool Retired, bool Lost, string? Stream)>();
        var partitions = nodes.ToDictionary(node => node, _ => new List<Wire.DesiredPartition>());
        var placed = nodes.ToDictionary(node => node, _ => new Dictionary<Guid, PlacedTenant>());
        var commands = nodes.ToDictionary(node => node, _ => new List<PendingCommand>());
        await EachAsync(connection, Nodes, nodes, row =>
        {
            standings[row.GetGuid(0)] = ((ulong)row.GetInt64(1), row.GetBoolean(2), row.GetBoolean(3), row.IsDBNull(4) ? null : row.GetString(4));
            return ValueTask.CompletedTask;
        }, cancel);
        await EachAsync(connection, Tenants, nodes, async row =>
        {
            bool stopping = row.GetString(10) == "Stopping", wanted = row.GetString(8) == "Run" && !stopping;
            placed[row.GetGuid(0)][row.GetGuid(1)] = new PlacedTenant(row.GetInt64(2), wanted, stopping ? row.GetFieldValue<DateTimeOffset>(11) : null, row.GetFieldValue<DateTimeOffset>(3), row.IsDBNull(22) ? null : row.GetString(22));
            if (wanted) partitions[row.GetGuid(0)].Add(await PartitionAsync(row, placed[row.GetGuid(0)][row.GetGuid(1)], cancel));
        }, cancel);
        await EachAsync(connection, Commands, nodes, row =>
        {
            commands[row.GetGuid(0)].Add(Command(row));
            return ValueTask.CompletedTask;
        }, cancel);
        return [.. nodes.Select(node =>
        {
            bool known = standings.TryGetValue(node, out var standing);
            var plan = new DesiredPlan { Revision = standing.Revision, Partitions = partitions[node], Tenants = placed[node] };
            return new NodeFacts(node, known && !standing.Retired, standing.Lost, standing.Stream, plan, commands[node]);
        })];
    }

    private async ValueTask<Wire.DesiredPartition> PartitionAsync(NpgsqlDataReader row, PlacedTenant placed, CancellationToken cancel)
    {
        Guid tenant = row.GetGuid(1);
        long fence = placed.Fence;
        string name = row.GetString(4);
        var partition = new Wire.DesiredPartition
        {
            TenantId = tenant.ToString(),
            Name = name,
            Power = Wire.PowerState.Running,
            StartGeneration = (ulong)row.GetInt32(9),
            Restart = Enum.Parse<RestartPolicy>(row.GetString(5)) switch
            {
                RestartPolicy.Always => Wire.RestartPolicy.Always,
                RestartPolicy.OnFailure => Wire.RestartPolicy.OnFailure,
                _ => Wire.RestartPolicy.Never,
            },
            Lease = row.GetBoolean(6) ? Wire.LeasePolicy.RunOn : Wire.LeasePolicy.Stop,
            Image = new Wire.Image { Name = row.GetString(12), Kernel = await ArtifactAsync(row, 13, tenant, fence, cancel), CommandLine = row.GetString(17) },
            CloudInit = new Wire.CloudInit { Hostname = name },
            TraceParent = StartTrace.ParentOf(tenant, placed),
        };
        if (!row.IsDBNull(15)) partition.Image.Initrd = await ArtifactAsync(row, 15, tenant, fence, cancel);
        if (!row.IsDBNull(7)) partition.CloudInit.SshAuthorizedKeys.Add(row.GetString(7).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
        if (!row.IsDBNull(21)) partition.CloudInit.UserData = ByteString.CopyFromUtf8(row.GetString(21));
        partition.ApicIds.Add(row.GetFieldValue<int[]>(18).Select(id => (uint)id));
        partition.PciAddresses.Add(row.GetFieldValue<string[]>(23));
        partition.Erase.Add(row.GetFieldValue<string[]>(24));
        partition.Hold = networks.HoldOf(row.GetString(26), row.GetGuid(0), row.GetFieldValue<string[]>(25), fence) ?? string.Empty;
        if (partition.Erase.Count != 0) partition.Eraser = await images.EraserAsync(cancel);
        int[] cells = row.GetFieldValue<int[]>(19);
        long[] bytes = row.GetFieldValue<long[]>(20);
        for (int i = 0; i < cells.Length; i++) partition.Memory.Add(new Wire.MemoryShare { Cell = (uint)cells[i], Bytes = (ulong)bytes[i] });
        return partition;
    }

    /// <summary>The hash is in the column, the size in the next.</summary>
    private async ValueTask<Wire.Artifact> ArtifactAsync(NpgsqlDataReader row, int column, Guid tenant, long fence, CancellationToken cancel)
    {
        byte[] hash = row.GetFieldValue<byte[]>(column);
        return new Wire.Artifact { Url = await links.MakeAsync(addresses.Netboot, hash, tenant, fence, cancel), Sha256 = UnsafeByteOperations.UnsafeWrap(hash), Bytes = (ulong)row.GetInt64(column + 1) };
    }

    private static PendingCommand Command(NpgsqlDataReader row)
    {
        NodeCommandKind kind = Enum.Parse<NodeCommandKind>(row.GetString(2));
        var envelope = kind switch
        {
            NodeCommandKind.Reset => new Wire.ControlEnvelope { Command = new Wire.NodeCommand { Reset = true } },
            NodeCommandKind.PowerOff => new Wire.ControlEnvelope { Command = new Wire.NodeCommand { PowerOff = true } },
            _ => new Wire.ControlEnvelope { Probe = new Wire.ProbeRequest { TenantId = row.GetGuid(3).ToString() } },
        };
        return new PendingCommand(row.GetGuid(1), kind.ToString(), row.GetString(4), envelope);
    }

    private static async Task EachAsync(NpgsqlConnection connection, string sql, IReadOnlyCollection<Guid> nodes, Func<NpgsqlDataReader, ValueTask> read, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, connection) { Parameters = { new NpgsqlParameter<Guid[]> { TypedValue = [.. nodes] } } };
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel)) await read(row);
    }
}
