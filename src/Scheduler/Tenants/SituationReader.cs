using System.Data;
using Npgsql;
using Osv.Data.Lifecycles;
using Osv.Data.Tenants;

namespace Osv.Scheduler.Tenants;

/// <summary>Locks what decides about a tenant and reads it. The order of the locks is that of everybody who takes several: desired state, lifecycle, node.</summary>
internal static class SituationReader
{
    /// <summary>Source of the health report that says that a tenant's cores make no progress. It is withdrawn when they do.</summary>
    public const string HungReport = "core-progress";

    /// <summary>Source of the health report of somebody who knows that a node is off: an operator, or its management controller.</summary>
    public const string OffReport = "power-off";

    private const string LockDesired = "SELECT FROM tenant_desired WHERE tenant_id = $1 FOR NO KEY UPDATE";

    private const string LockLifecycle = "SELECT FROM tenant_lifecycles WHERE tenant_id = $1 FOR NO KEY UPDATE";

    // As long as we decide, the node neither comes back nor renews its lease.
    private const string LockNode = "SELECT FROM node_lifecycles WHERE node_id = (SELECT node_id FROM placements WHERE tenant_id = $1) FOR SHARE";

    private const string LockHeartbeat = "SELECT FROM node_heartbeats WHERE node_id = (SELECT node_id FROM placements WHERE tenant_id = $1) FOR SHARE";

    private const string Read =
        $"""
        SELECT t.name, l.state, l.reason, clock_timestamp() - l.entered_at, coalesce(l.deadline_at <= clock_timestamp(), false),
            coalesce(d.intent, 'Run'), coalesce(d.changed_by, ''), coalesce(d.reboots, 0), t.restart_policy, t.runs_on_without_lease,
            (SELECT count(*)::int FROM tenant_transitions x WHERE x.tenant_id = t.id AND x.to_state = 'Crashed' AND x.at > clock_timestamp() - $2 AND x.id > s.started),
            (SELECT greatest(count(*) - 1, 0)::int FROM tenant_transitions x WHERE x.tenant_id = t.id AND x.to_state = 'Placed' AND x.at > clock_timestamp() - $2 AND x.id > greatest(s.started, s.ran)),
            p.node_id, n.name, p.fence,
            CASE WHEN nl.state = 'Retired' THEN 'Off'
                WHEN nl.state <> 'Lost' THEN 'Reachable'
                WHEN k.boot_seen_at > p.placed_at THEN 'Booted'
                WHEN EXISTS (SELECT FROM node_health_reports r WHERE r.node_id = p.node_id AND r.source = '{OffReport}' AND r.observed_at >= coalesce(h.received_at, '-infinity') AND (r.expires_at IS NULL OR r.expires_at > clock_timestamp())) THEN 'Off'
                WHEN coalesce(h.lease_expires_at, nl.entered_at + $4) + $3 < clock_timestamp() THEN 'Fenced'
                ELSE 'Lost' END,
            o.partition_state, o.reboots, o.end_cause,
            (SELECT r.summary FROM tenant_health_reports r WHERE r.tenant_id = t.id AND r.source = '{HungReport}' AND (r.expires_at IS NULL OR r.expires_at > clock_timestamp())),
            (SELECT r.source || ': ' || r.summary FROM tenant_health_reports r WHERE r.tenant_id = t.id AND r.prevents_state_changes AND (r.expires_at IS NULL OR r.expires_at > clock_timestamp()) ORDER BY r.source LIMIT 1),
            (SELECT r.source || ': ' || r.summary FROM node_health_reports r WHERE r.node_id = p.node_id AND r.prevents_state_changes AND (r.expires_at IS NULL OR r.expires_at > clock_timestamp()) ORDER BY r.source LIMIT 1),
            o.restarts, o.restarts_followed, o.last_end,
            d.trace_parent, o.reboots_followed
        FROM tenants t JOIN tenant_lifecycles l ON l.tenant_id = t.id LEFT JOIN tenant_desired d ON d.tenant_id = t.id
            CROSS JOIN LATERAL (SELECT
                coalesce((SELECT max(x.id) FROM tenant_transitions x WHERE x.tenant_id = t.id AND x.to_state = 'Pending' AND x.from_state IN ('Stopped', 'Failed')), 0) AS started,
                coalesce((SELECT max(x.id) FROM tenant_transitions x WHERE x.tenant_id = t.id AND x.to_state = 'Running'), 0) AS ran) s
            LEFT JOIN placements p ON p.tenant_id = t.id LEFT JOIN nodes n ON n.id = p.node_id LEFT JOIN node_lifecycles nl ON nl.node_id = p.node_id
            LEFT JOIN node_heartbeats h ON h.node_id = p.node_id LEFT JOIN node_connections k ON k.node_id = p.node_id
            LEFT JOIN tenant_observed o ON o.tenant_id = t.id AND o.node_id = p.node_id AND o.fence = p.fence AND (l.state <> 'Unreachable' OR o.observed_at > nl.entered_at)
        WHERE t.id = $1
        """;

    /// <summary>Null: the tenant does not exist any more.</summary>
    public static async Task<TenantSituation?> LockAsync(NpgsqlConnection connection, Guid tenant, SchedulerOptions options, CancellationToken cancel)
    {
        foreach (string sql in new[] { LockDesired, LockLifecycle, LockNode, LockHeartbeat })
        {
            await using var command = new NpgsqlCommand(sql, connection) { Parameters = { new NpgsqlParameter<Guid> { TypedValue = tenant } } };
            await command.ExecuteNonQueryAsync(cancel);
        }
        await using var read = new NpgsqlCommand(Read, connection)
        {
            Parameters =
            {
                new NpgsqlParameter<Guid> { TypedValue = tenant },
                new NpgsqlParameter<TimeSpan> { TypedValue = options.Tenants.CrashWindow },
                new NpgsqlParameter<TimeSpan> { TypedValue = options.Nodes.FenceGrace },
                new NpgsqlParameter<TimeSpan> { TypedValue = options.Nodes.FirstHeartbeatWithin },
            },
        };
        await using NpgsqlDataReader row = await read.ExecuteReaderAsync(CommandBehavior.SingleRow, cancel);
        return await row.ReadAsync(cancel) ? Situation(tenant, row) : null;
    }

    private static TenantSituation Situation(Guid tenant, NpgsqlDataReader row) => new()
    {
        Id = tenant,
        Name = row.GetString(0),
        State = Enum.Parse<TenantState>(row.GetString(1)),
        Reason = row.GetString(2),
        Since = row.GetFieldValue<TimeSpan>(3),
        Overdue = row.GetBoolean(4),
        Intent = Enum.Parse<TenantIntent>(row.GetString(5)),
        ChangedBy = row.GetString(6),
        Reboots = row.GetInt32(7),
        Policy = Enum.Parse<RestartPolicy>(row.GetString(8)),
        RunsOnWithoutLease = row.GetBoolean(9),
        Crashes = row.GetInt32(10),
        FailedStarts = row.GetInt32(11),
        Place = row.IsDBNull(12) ? null : new PlaceFacts(row.GetGuid(12), row.GetString(13), row.GetInt64(14), Enum.Parse<NodeStanding>(row.GetString(15))),
        Seen = row.IsDBNull(16) || !Enum.TryParse(row.GetString(16), out PartitionPhase phase) ? null : new Observation(phase, row.GetInt32(17), Text(row, 18)) { RebootsFollowed = row.GetInt32(26), Restarts = row.GetInt32(22), RestartsFollowed = row.GetInt32(23), LastEnd = Text(row, 24) },
        Hung = Text(row, 19),
        Frozen = Text(row, 20) ?? Text(row, 21),
        TraceParent = Text(row, 25),
    };

    private static string? Text(NpgsqlDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);
}
