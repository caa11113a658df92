using Npgsql;

namespace Osv.Web.Gateway;

/// <summary>Whether a node may come, and the row that says where its newest stream is.</summary>
internal sealed class NodeRegister(NpgsqlDataSource source)
{
    // A certificate that was revoked, a node that was retired or deleted: no row.
    private const string Admit =
        """
        SELECT n.name, l.state = 'Retired', c.revoked_at IS NOT NULL, coalesce(k.events_boot = $3, false), coalesce(k.events_known, 0)
        FROM node_certificates c JOIN nodes n ON n.id = c.node_id JOIN node_lifecycles l ON l.node_id = n.id LEFT JOIN node_connections k ON k.node_id = n.id
        WHERE c.serial_number = $1 AND c.node_id = $2
        """;

    private const string Connect =
        """
        INSERT INTO node_connections AS c (node_id, replica, stream, monitor_boot, boot_seen_at, connected_at, events_known) VALUES ($1, $2, $3, $4, clock_timestamp(), clock_timestamp(), 0)
        ON CONFLICT (node_id) DO UPDATE SET replica = EXCLUDED.replica, stream = EXCLUDED.stream, monitor_boot = EXCLUDED.monitor_boot, connected_at = EXCLUDED.connected_at, disconnected_at = NULL,
            boot_seen_at = CASE WHEN c.monitor_boot = EXCLUDED.monitor_boot THEN c.boot_seen_at ELSE EXCLUDED.boot_seen_at END
        """;

    private const string Disconnect = "UPDATE node_connections SET disconnected_at = clock_timestamp() WHERE node_id = $1 AND stream = $2";

    /// <returns>Null: it may not come.</returns>
    public async Task<Admission?> AdmitAsync(Guid node, string certificateSerial, string monitorBoot, CancellationToken cancel)
    {
        await using NpgsqlCommand command = source.CreateCommand(Admit);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = certificateSerial });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = node });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = monitorBoot });
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancel);
        if (!await row.ReadAsync(cancel) || row.GetBoolean(1) || row.GetBoolean(2)) return null;
        return new Admission(row.GetString(0), row.GetBoolean(3) ? (ulong)row.GetInt64(4) : 0);
    }

    public async Task ConnectAsync(Guid node, string replica, string stream, string monitorBoot, CancellationToken cancel)
    {
        await using NpgsqlCommand command = source.CreateCommand(Connect);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = node });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = replica });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = stream });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = monitorBoot });
        await command.ExecuteNonQueryAsync(cancel);
    }

    public async Task DisconnectAsync(Guid node, string stream, CancellationToken cancel)
    {
        await using NpgsqlCommand command = source.CreateCommand(Disconnect);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = node });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = stream });
        await command.ExecuteNonQueryAsync(cancel);
    }
}

/// <param name="Name">Of the node.</param>
/// <param name="EventsKnown">Events of this boot up to this number are stored.</param>
internal sealed record Admission(string Name, ulong EventsKnown);
