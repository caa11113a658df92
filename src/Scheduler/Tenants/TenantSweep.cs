using Npgsql;

namespace Osv.Scheduler.Tenants;

/// <summary>
/// Finds tenants whose lifecycle does not say what is wanted or what was seen, and makes them due. So no hint is needed for progress: whoever
/// writes a row of desired or observed state need not tell the scheduler.
/// </summary>
public static class TenantSweep
{
    private const string Sql =
        $"""
        WITH differing AS MATERIALIZED (
            SELECT l.tenant_id FROM tenant_lifecycles l
                LEFT JOIN tenant_desired d ON d.tenant_id = l.tenant_id
                LEFT JOIN placements p ON p.tenant_id = l.tenant_id
                LEFT JOIN node_lifecycles n ON n.node_id = p.node_id
                LEFT JOIN tenant_observed o ON o.tenant_id = l.tenant_id AND o.node_id = p.node_id AND o.fence = p.fence
            WHERE (l.due_at IS NULL OR l.due_at > clock_timestamp()) AND (l.claimed_until IS NULL OR l.claimed_until <= clock_timestamp()) AND (
                (coalesce(d.intent, 'Run') = 'Run' AND l.state IN ('Stopped', 'Failed'))
                OR (d.intent = 'Delete' AND p.tenant_id IS NULL)
                OR (d.intent <> 'Run' AND l.state NOT IN ('Stopping', 'Stopped', 'Failed', 'Unreachable'))
                OR (p.tenant_id IS NOT NULL AND (n.state = 'Lost') <> (l.state = 'Unreachable'))
                OR (p.tenant_id IS NOT NULL AND n.state <> 'Lost' AND CASE o.partition_state
                    WHEN 'Fetching' THEN l.state <> 'Loading' WHEN 'Creating' THEN l.state <> 'Loading' WHEN 'Loading' THEN l.state <> 'Loading'
                    WHEN 'Starting' THEN l.state <> 'Starting'
                    WHEN 'Running' THEN l.state NOT IN ('Running', 'Hung')
                    WHEN 'Stopping' THEN l.state NOT IN ('Stopping', 'Running', 'Hung') WHEN 'Scrubbing' THEN l.state NOT IN ('Stopping', 'Running', 'Hung')
                    WHEN 'Stopped' THEN l.state <> 'Crashed'
                    WHEN 'Absent' THEN true
                    WHEN 'BackingOff' THEN l.state <> 'Crashed'
                    WHEN 'Refused' THEN l.state NOT IN ('Loading', 'Stopping')
                    WHEN 'Invalid' THEN l.state <> 'Stopping'
                    ELSE false END)
                OR (o.restarts > o.restarts_followed AND n.state <> 'Lost' AND l.state NOT IN ('Stopping', 'Stopped', 'Failed', 'Unreachable', 'Pending'))
                OR (o.reboots > o.reboots_followed AND n.state <> 'Lost' AND l.state = 'Running')
                OR (l.state IN ('Running', 'Hung') AND (l.state = 'Hung') <> EXISTS (
                    SELECT FROM tenant_health_reports r WHERE r.tenant_id = l.tenant_id AND r.source = '{SituationReader.HungReport}' AND (r.expires_at IS NULL OR r.expires_at > clock_timestamp()))))
            LIMIT $1 FOR NO KEY UPDATE OF l SKIP LOCKED)
        UPDATE tenant_lifecycles l SET due_at = clock_timestamp() FROM differing WHERE l.tenant_id = differing.tenant_id
        """;

    /// <returns>How many were made due.</returns>
    public static async Task<int> RunAsync(NpgsqlDataSource source, int most, CancellationToken cancel)
    {
        await using NpgsqlCommand command = source.CreateCommand(Sql);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = most });
        return await command.ExecuteNonQueryAsync(cancel);
    }
}
