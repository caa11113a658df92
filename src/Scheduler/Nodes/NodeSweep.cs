using Npgsql;
using Osv.Scheduler.Fleets;

namespace Osv.Scheduler.Nodes;

/// <summary>Finds nodes whose lifecycle does not say what is wanted or what was heard, and makes them due.</summary>
public static class NodeSweep
{
    private const string Sql =
        $"""
        WITH differing AS MATERIALIZED (
            SELECT l.node_id FROM node_lifecycles l
                LEFT JOIN node_desired d ON d.node_id = l.node_id
                LEFT JOIN node_heartbeats h ON h.node_id = l.node_id
                LEFT JOIN node_connections k ON k.node_id = l.node_id
                CROSS JOIN LATERAL (SELECT
                    coalesce(h.lease_expires_at > clock_timestamp(), false) AS present,
                    coalesce(h.lease_expires_at, l.entered_at + $2) <= clock_timestamp() OR coalesce(k.boot_seen_at > l.entered_at, false) AS missing) s
            WHERE (l.due_at IS NULL OR l.due_at > clock_timestamp()) AND (l.claimed_until IS NULL OR l.claimed_until <= clock_timestamp()) AND l.state <> 'Retired' AND (
                (s.missing AND l.state IN ('PendingApproval', 'Ready', 'Draining', 'Drained', 'Quarantined'))
                OR (s.present AND l.state = 'Lost' AND NOT EXISTS (SELECT FROM placements p WHERE p.node_id = l.node_id AND p.placed_at < k.boot_seen_at))
                OR (s.present AND l.state = 'Discovered' AND EXISTS (SELECT FROM node_cores c WHERE c.node_id = l.node_id))
                OR (l.state = 'PendingApproval' AND d.node_id IS NOT NULL)
                OR (l.state = 'Ready' AND d.intent <> 'Serve')
                OR (l.state IN ('Draining', 'Drained') AND d.intent = 'Serve')
                OR (l.state IN ('Discovered', 'Drained', 'Lost', 'Quarantined') AND d.intent = 'Retire')
                OR (l.state = 'Quarantined' AND d.changed_at > l.entered_at)
                OR (l.state = 'Ready' AND (SELECT count(*) FROM node_health_reports r WHERE r.node_id = l.node_id AND r.source LIKE '{FleetReader.StartFailure}%' AND r.expires_at > clock_timestamp()) >= $3))
            LIMIT $1 FOR NO KEY UPDATE OF l SKIP LOCKED)
        UPDATE node_lifecycles l SET due_at = clock_timestamp() FROM differing WHERE l.node_id = differing.node_id
        """;

    /// <returns>How many were made due.</returns>
    public static async Task<int> RunAsync(NpgsqlDataSource source, int most, NodeOptions options, CancellationToken cancel)
    {
        await using NpgsqlCommand command = source.CreateCommand(Sql);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = most });
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = options.FirstHeartbeatWithin });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = options.QuarantineAfter });
        return await command.ExecuteNonQueryAsync(cancel);
    }
}
