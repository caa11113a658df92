using Microsoft.Extensions.Options;
using Npgsql;
using Osv.Data.Lifecycles;
using Osv.Netboot;

namespace Osv.Web.Boot;

/// <summary>What becomes of a machine that asks for its script.</summary>
internal abstract record BootAnswer
{
    /// <param name="Token">For this boot.</param>
    /// <param name="Name">Of the node.</param>
    /// <param name="Approved">False: it boots, and its agent waits for an operator.</param>
    public sealed record Boots(string Token, string Name, bool Approved) : BootAnswer;

    /// <param name="Reason">For whoever stands before the machine.</param>
    public sealed record Waits(string Reason) : BootAnswer;
}

/// <summary>Meets machines that boot: knows them by their serial number, or makes the unknown ones nodes that wait for approval.</summary>
internal sealed class BootDesk(NpgsqlDataSource source, IOptions<NetbootOptions> options, TimeProvider time, ILogger<BootDesk> log)
{
    /// <summary>How long an operator may take to look at a machine that nobody registered.</summary>
    private static readonly TimeSpan ApprovalWithin = TimeSpan.FromDays(7);

    /// <summary>Key of the advisory lock under which strangers become nodes: "OSVBOOT" in ASCII.</summary>
    private const long LockKey = 0x4F53_5642_4F4F_54;

    private sealed record Known(Guid Id, string Name, Guid? Uuid, string? Mac, NodeState State, bool Approved);

    /// <summary>Begins a boot of the machine, if it may.</summary>
    public async Task<BootAnswer> AskAsync(BootMachine machine, CancellationToken cancel)
    {
        await using NpgsqlConnection connection = await source.OpenConnectionAsync(cancel);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancel);
        Known? node = await FindAsync(connection, machine, cancel);
        if (node is null)
        {
            if (await StrangersAsync(connection, cancel) >= options.Value.MostStrangers) return new BootAnswer.Waits($"{options.Value.MostStrangers} unknown machines wait for approval already");
            node = await DiscoverAsync(connection, machine, cancel);
            log.MachineDiscovered(node.Name, machine.Serial, machine.Mac);
        }
        if (node.State == NodeState.Retired) return new BootAnswer.Waits($"node {node.Name} is retired: this machine may not boot");
        if (node.Uuid is { } uuid && uuid != Guid.Parse(machine.Uuid))
        {
            log.IdentityMismatch(node.Name, uuid, machine.Uuid, machine.Mac);
            await ReportImpostorAsync(connection, node.Id, machine, cancel);
            await transaction.CommitAsync(cancel);
            return new BootAnswer.Waits($"the serial number is that of node {node.Name}, which is another machine: an operator must look at it");
        }
        if (!await BindAsync(connection, node, machine, cancel)) return new BootAnswer.Waits($"another node has the MAC address {machine.Mac}");
        await BootTimeline.BeginAsync(connection, node.Id, cancel);
        string token = await IssueAsync(connection, node.Id, machine, cancel);
        await transaction.CommitAsync(cancel);
        log.BootBegins(node.Name, machine.Mac);
        return new BootAnswer.Boots(token, node.Name, node.Approved);
    }

    private static async Task<Known?> FindAsync(NpgsqlConnection connection, BootMachine machine, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT n.id, n.name, n.system_uuid, n.boot_mac, l.state, d.node_id IS NOT NULL
            FROM nodes n JOIN node_lifecycles l ON l.node_id = n.id LEFT JOIN node_desired d ON d.node_id = n.id WHERE n.serial_number = $1 FOR NO KEY UPDATE OF n
            """, connection) { Parameters = { new NpgsqlParameter<string> { TypedValue = MachineIdentity.KeyOf(machine) } } };
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancel);
        return await row.ReadAsync(cancel)
            ? new Known(row.GetGuid(0), row.GetString(1), row.IsDBNull(2) ? null : row.GetGuid(2), row.IsDBNull(3) ? null : row.GetString(3), Enum.Parse<NodeState>(row.GetString(4)), row.GetBoolean(5))
            : null;
    }

    private static async Task<long> StrangersAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(
            $"SELECT pg_advisory_xact_lock({LockKey}); SELECT count(*) FROM node_lifecycles l WHERE l.state = 'Discovered' AND NOT EXISTS (SELECT FROM node_desired d WHERE d.node_id = l.node_id)", connection);
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancel);
        await row.NextResultAsync(cancel);
        await row.ReadAsync(cancel);
        return row.GetInt64(0);
    }

    private async Task<Known> DiscoverAsync(NpgsqlConnection connection, BootMachine machine, CancellationToken cancel)
    {
        // Under the lock: somebody else may have met it first.
        if (await FindAsync(connection, machine, cancel) is { } there) return there;
        Guid id = Guid.CreateVersion7(time.GetUtcNow());
        string name = MachineIdentity.NameOf(machine);
        await using var insert = new NpgsqlCommand(
            """
            INSERT INTO nodes (id, name, serial_number, rack, power_domain, labels, registered_at)
            SELECT $1, CASE WHEN EXISTS (SELECT FROM nodes WHERE name = $2) THEN $2 || '-' || left($1::text, 8) ELSE $2 END, $3, '', '', '{}', clock_timestamp()
            RETURNING name
            """, connection);
        insert.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = id });
        insert.Parameters.Add(new NpgsqlParameter<string> { TypedValue = name });
        insert.Parameters.Add(new NpgsqlParameter<string> { TypedValue = MachineIdentity.KeyOf(machine) });
        name = (string)(await insert.ExecuteScalarAsync(cancel))!;
        await using var lifecycle = new NpgsqlCommand(
            "INSERT INTO node_lifecycles (node_id, state, reason, owner, deadline_at) VALUES ($1, 'Discovered', 'nobody registered it; it boots to ask for approval', 'operator', clock_timestamp() + $2)", connection);
        lifecycle.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = id });
        lifecycle.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = ApprovalWithin });
        await lifecycle.ExecuteNonQueryAsync(cancel);
        return new Known(id, name, null, null, NodeState.Discovered, false);
    }

    /// <summary>The first boot settles which machine the node is.</summary>
    /// <returns>False: the MAC address is another node's.</returns>
    private static async Task<bool> BindAsync(NpgsqlConnection connection, Known node, BootMachine machine, CancellationToken cancel)
    {
        Guid uuid = Guid.Parse(machine.Uuid);
        if (node.Uuid == uuid && node.Mac == machine.Mac) return true;
        await using var command = new NpgsqlCommand(
            "UPDATE nodes SET system_uuid = $2, boot_mac = $3 WHERE id = $1 AND NOT EXISTS (SELECT FROM nodes o WHERE o.boot_mac = $3 AND o.id <> $1)", connection);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = node.Id });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = uuid });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = machine.Mac });
        return await command.ExecuteNonQueryAsync(cancel) == 1;
    }

    private static async Task ReportImpostorAsync(NpgsqlConnection connection, Guid node, BootMachine machine, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(
            """
            INSERT INTO node_health_reports (node_id, source, summary, prevents_placement, prevents_state_changes, suppresses_alerts, observed_at, expires_at)
            VALUES ($1, 'identity', $2, false, false, false, clock_timestamp(), clock_timestamp() + interval '1 day')
            ON CONFLICT (node_id, source) DO UPDATE SET summary = EXCLUDED.summary, observed_at = EXCLUDED.observed_at, expires_at = EXCLUDED.expires_at
            """, connection);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = node });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = $"a machine with its serial number, UUID {machine.Uuid} and MAC {machine.Mac} asked to boot and was turned away: if the mainboard was replaced, delete the node and register it anew" });
        await command.ExecuteNonQueryAsync(cancel);
    }

    private async Task<string> IssueAsync(NpgsqlConnection connection, Guid node, BootMachine machine, CancellationToken cancel)
    {
        (string token, BootToken kept) = BootToken.Issue(machine, time.GetUtcNow());
        await using var command = new NpgsqlCommand(
            """
            INSERT INTO node_boot_tokens (token_sha256, node_id, mac, serial_number, system_uuid, issued_at, expires_at) VALUES ($1, $2, $3, $4, $5, clock_timestamp(), $6)
            """, connection);
        command.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = Convert.FromHexString(kept.Hash) });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = node });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = machine.Mac });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = machine.Serial });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = machine.Uuid });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = kept.Expires.UtcDateTime });
        await command.ExecuteNonQueryAsync(cancel);
        return token;
    }
}
