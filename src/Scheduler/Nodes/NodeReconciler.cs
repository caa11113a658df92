using System.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Npgsql;
using Osv.Data;
using Osv.Data.Lifecycles;
using Osv.Data.Nodes;
using Osv.Scheduler.Fleets;
using Osv.Scheduler.Hosting;

namespace Osv.Scheduler.Nodes;

/// <summary>Takes one node's next step in one transaction that holds everything the decision rests on.</summary>
public sealed class NodeReconciler(IDbContextFactory<OsvDbContext> contexts, SchedulerOptions options, SchedulerMetrics metrics, ILogger<NodeReconciler> log)
{
    /// <summary>Type of the message that tells of a node's new state; its body has nodeId and state.</summary>
    public const string ChangedMessage = "node.changed";

    private const string Read =
        $"""
        SELECT n.name, l.state, l.reason, d.intent, coalesce(d.changed_by, ''), coalesce(d.changed_at > l.entered_at, false),
            EXISTS (SELECT FROM node_cores x WHERE x.node_id = n.id) AND EXISTS (SELECT FROM node_memory_blocks m WHERE m.node_id = n.id),
            coalesce(h.lease_expires_at > clock_timestamp(), false),
            coalesce(h.lease_expires_at, l.entered_at + $2) <= clock_timestamp(),
            coalesce(c.boot_seen_at > l.entered_at, false),
            EXISTS (SELECT FROM placements p WHERE p.node_id = n.id AND p.placed_at < c.boot_seen_at),
            (SELECT t.from_state FROM node_transitions t WHERE t.node_id = n.id AND t.to_state = 'Lost' ORDER BY t.id DESC LIMIT 1),
            (SELECT count(*)::int FROM placements p WHERE p.node_id = n.id),
            (SELECT count(*)::int FROM node_health_reports r WHERE r.node_id = n.id AND r.source LIKE '{FleetReader.StartFailure}%' AND r.expires_at > clock_timestamp()),
            (SELECT r.source || ': ' || r.summary FROM node_health_reports r WHERE r.node_id = n.id AND r.prevents_state_changes AND (r.expires_at IS NULL OR r.expires_at > clock_timestamp()) ORDER BY r.source LIMIT 1)
        FROM nodes n JOIN node_lifecycles l ON l.node_id = n.id LEFT JOIN node_desired d ON d.node_id = n.id LEFT JOIN node_heartbeats h ON h.node_id = n.id
            LEFT JOIN node_connections c ON c.node_id = n.id
        WHERE n.id = $1
        """;

    private readonly NodeDecision _decision = new(options.Nodes);

    /// <summary>Takes the step.</summary>
    /// <returns>The step; null: the node does not exist.</returns>
    public async Task<(NodeSituation Node, NodeStep Step)?> ReconcileAsync(Guid node, CancellationToken cancel)
    {
        await using OsvDbContext context = await contexts.CreateDbContextAsync(cancel);
        await using var transaction = await context.Database.BeginTransactionAsync(cancel);
        await context.Database.ExecuteSqlAsync($"SELECT FROM node_desired WHERE node_id = {node} FOR SHARE", cancel);
        await context.Database.ExecuteSqlAsync($"SELECT FROM node_lifecycles WHERE node_id = {node} FOR NO KEY UPDATE", cancel);
        if (await ReadAsync((NpgsqlConnection)context.Database.GetDbConnection(), node, cancel) is not { } situation) return null;
        NodeStep step = _decision.Decide(situation);
        switch (step)
        {
            case NodeStays stays:
                await context.Database.ExecuteSqlAsync($"UPDATE node_lifecycles SET reason = {stays.Reason}, due_at = NULL, claimed_by = NULL, claimed_until = NULL WHERE node_id = {node}", cancel);
                break;
            case NodeMoves moves:
                await MoveAsync(context, situation, moves, cancel);
                break;
            case NodeDrains:
                await context.Database.ExecuteSqlAsync($"UPDATE node_lifecycles SET due_at = clock_timestamp() + {options.Nodes.LookAgain}, claimed_by = NULL, claimed_until = NULL WHERE node_id = {node}", cancel);
                break;
        }
        await transaction.CommitAsync(cancel);
        return (situation, step);
    }

    private async Task MoveAsync(OsvDbContext context, NodeSituation node, NodeMoves moves, CancellationToken cancel)
    {
        string state = moves.State.ToString();
        // Looked at once more at once: an approved node is Ready in the next step, a draining one begins to drain.
        TimeSpan? look = moves.State is NodeState.PendingApproval or NodeState.Draining ? TimeSpan.Zero : null;
        await context.Database.ExecuteSqlAsync(
            $"""
            UPDATE node_lifecycles SET state = {state}, reason = {moves.Reason}, owner = {moves.Owner}, deadline_at = clock_timestamp() + {moves.Within},
                due_at = clock_timestamp() + {look}, claimed_by = NULL, claimed_until = NULL
            WHERE node_id = {node.Id}
            """,
            cancel);
        if (moves.State == NodeState.Retired)
        {
            await context.Database.ExecuteSqlAsync($"UPDATE node_certificates SET revoked_at = clock_timestamp(), revocation_reason = {moves.Reason} WHERE node_id = {node.Id} AND revoked_at IS NULL", cancel);
        }
        await context.Database.ExecuteSqlAsync(
            $"INSERT INTO outbox_messages (message_id, message_type, body, created_at) VALUES (gen_random_uuid(), {ChangedMessage}, jsonb_build_object('nodeId', {node.Id}, 'state', {state}), clock_timestamp())", cancel);
        metrics.Moved("node", state);
        log.NodeMoved(node.Name, moves.State, moves.Reason);
    }

    private async Task<NodeSituation?> ReadAsync(NpgsqlConnection connection, Guid node, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(Read, connection) { Parameters = { new NpgsqlParameter<Guid> { TypedValue = node }, new NpgsqlParameter<TimeSpan> { TypedValue = options.Nodes.FirstHeartbeatWithin } } };
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(CommandBehavior.SingleRow, cancel);
        if (!await row.ReadAsync(cancel)) return null;
        return new NodeSituation
        {
            Id = node,
            Name = row.GetString(0),
            State = Enum.Parse<NodeState>(row.GetString(1)),
            Reason = row.GetString(2),
            Intent = row.IsDBNull(3) ? null : Enum.Parse<NodeIntent>(row.GetString(3)),
            ChangedBy = row.GetString(4),
            SpokenSince = row.GetBoolean(5),
            HasInventory = row.GetBoolean(6),
            Present = row.GetBoolean(7),
            Missing = row.GetBoolean(8),
            Booted = row.GetBoolean(9),
            HasGone = row.GetBoolean(10),
            Before = row.IsDBNull(11) ? null : Enum.Parse<NodeState>(row.GetString(11)),
            Tenants = row.GetInt32(12),
            FailedStarts = row.GetInt32(13),
            Frozen = row.IsDBNull(14) ? null : row.GetString(14),
        };
    }
}
