using Npgsql;
using Osv.Data.Nodes;
using Osv.Netboot;

namespace Osv.Web.Boot;

/// <summary>Writes how far the boots of nodes have come. What is told twice, or too late, changes nothing.</summary>
internal sealed class BootTimeline(NpgsqlDataSource source)
{
    private static readonly TimeSpan ImageWithin = TimeSpan.FromMinutes(5), MonitorWithin = TimeSpan.FromMinutes(3), AgentWithin = TimeSpan.FromMinutes(2), ApprovalWithin = TimeSpan.FromDays(7);

    private const int LongestDetail = 200;

    /// <summary>A boot begins: its script is given out.</summary>
    public static async Task BeginAsync(NpgsqlConnection connection, Guid node, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(
            """
            WITH boot AS (INSERT INTO node_boots (id, node_id, started_at) VALUES ($1, $2, clock_timestamp()) RETURNING id, started_at)
            INSERT INTO node_boot_steps (boot_id, step, state, started_at, finished_at, deadline_at, detail)
            SELECT boot.id, s.step, s.state, boot.started_at, CASE WHEN s.state = 'Done' THEN boot.started_at END, boot.started_at + $3, s.detail
            FROM boot, (VALUES ('Dhcp', 'Done', 'it has an address'), ('Script', 'Done', 'its script was given out'), ('Image', 'Waiting', 'it has not asked for the monitor yet')) AS s(step, state, detail)
            """, connection);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = Guid.CreateVersion7() });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = node });
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = ImageWithin });
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Takes what a machine reports of itself.</summary>
    /// <param name="stage">As deploy/netboot's scripts and the agent name them.</param>
    /// <param name="step">Of a failure: where it happened.</param>
    /// <param name="error">Of a failure.</param>
    /// <returns>False: no node has booted as this machine, or the stage is unknown.</returns>
    public async Task<bool> ReportAsync(BootMachine machine, string stage, string? step, string? error, CancellationToken cancel)
    {
        if (await FindAsync(machine, cancel) is not { } node) return false;
        switch (stage)
        {
            case "monitor":
                await SetAsync(node, BootStepKind.Image, BootStepState.Waiting, "it loads the monitor", ImageWithin, cancel);
                return true;
            case "payload":
                await SetAsync(node, BootStepKind.Image, BootStepState.Waiting, "it loads the payload", ImageWithin, cancel);
                return true;
            case "loaded":
                await SetAsync(node, BootStepKind.Image, BootStepState.Done, "monitor and payload are loaded", ImageWithin, cancel);
                await SetAsync(node, BootStepKind.Monitor, BootStepState.Waiting, "the monitor starts", MonitorWithin, cancel);
                return true;
            case "agent":
                await SetAsync(node, BootStepKind.Monitor, BootStepState.Done, "monitor and management Linux run", MonitorWithin, cancel);
                await SetAsync(node, BootStepKind.Agent, BootStepState.Waiting, "the agent enrols", AgentWithin, cancel);
                return true;
            case "failed":
                string detail = $"step {step}: {error}";
                await SetAsync(node, step == "start" ? BootStepKind.Monitor : BootStepKind.Image, BootStepState.Failed, detail.Length > LongestDetail ? detail[..LongestDetail] : detail, ImageWithin, cancel);
                return true;
            default:
                return false;
        }
    }

    public Task WaitsForApprovalAsync(Guid node, CancellationToken cancel) =>
        SetAsync(node, BootStepKind.Agent, BootStepState.Waiting, "the agent waits for an operator to approve the node", ApprovalWithin, cancel);

    /// <summary>Its agent has come with a certificate: the boot is over.</summary>
    public async Task ConnectedAsync(Guid node, CancellationToken cancel)
    {
        await SetAsync(node, BootStepKind.Monitor, BootStepState.Done, "monitor and management Linux run", MonitorWithin, cancel);
        await SetAsync(node, BootStepKind.Agent, BootStepState.Done, "the agent is connected", AgentWithin, cancel);
    }

    private async Task<Guid?> FindAsync(BootMachine machine, CancellationToken cancel)
    {
        await using NpgsqlCommand command = source.CreateCommand("SELECT id FROM nodes WHERE serial_number = $1 AND boot_mac = $2 AND system_uuid = $3");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = MachineIdentity.KeyOf(machine) });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = machine.Mac });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = Guid.Parse(machine.Uuid) });
        return (Guid?)await command.ExecuteScalarAsync(cancel);
    }

    /// <summary>Of the node's last boot. A step that is done stays done.</summary>
    private async Task SetAsync(Guid node, BootStepKind step, BootStepState state, string detail, TimeSpan within, CancellationToken cancel)
    {
        await using NpgsqlCommand command = source.CreateCommand(
            """
            INSERT INTO node_boot_steps AS s (boot_id, step, state, started_at, finished_at, deadline_at, detail)
            SELECT b.id, $2, $3, clock_timestamp(), CASE WHEN $3 <> 'Waiting' THEN clock_timestamp() END, clock_timestamp() + $5, $4
            FROM node_boots b WHERE b.node_id = $1 ORDER BY b.started_at DESC LIMIT 1
            ON CONFLICT (boot_id, step) DO UPDATE SET state = EXCLUDED.state, finished_at = EXCLUDED.finished_at, detail = EXCLUDED.detail, deadline_at = greatest(s.deadline_at, EXCLUDED.deadline_at)
            WHERE s.state <> 'Done' AND (s.state, s.detail) IS DISTINCT FROM (EXCLUDED.state, EXCLUDED.detail)
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = node });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = step.ToString() });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = state.ToString() });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = detail });
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = within });
        await command.ExecuteNonQueryAsync(cancel);
    }
}
