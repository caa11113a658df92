using Npgsql;
using Osv.Data.Jobs;

namespace Osv.Scheduler.Jobs;

/// <summary>Reads the jobs about which something may have to be done.</summary>
internal static class JobReader
{
    private const string Facts =
        """
        SELECT j.id, j.state, j.reason, j.replicas, f.empty, f.placed, f.running, f.ended, f.failed, f.kept, f.waits,
            coalesce(j.deadline_at <= clock_timestamp(), false),
            coalesce(f.first + make_interval(secs => j.time_to_live_seconds) <= clock_timestamp(), false),
            s.cron, s.time_zone, s.last_run_at IS NOT NULL, NOT s.paused AND s.next_run_at <= clock_timestamp(), s.next_run_at
        FROM placement_jobs j LEFT JOIN job_schedules s ON s.job_id = j.id
            CROSS JOIN LATERAL (
                SELECT (count(*) FILTER (WHERE r.tenant_id IS NULL))::int AS empty,
                    (count(p.tenant_id))::int AS placed,
                    (count(*) FILTER (WHERE l.state = 'Running'))::int AS running,
                    (count(*) FILTER (WHERE l.state IN ('Stopped', 'Failed') AND d.intent <> 'Run'))::int AS ended,
                    (count(*) FILTER (WHERE l.state = 'Failed' AND d.intent <> 'Run'))::int AS failed,
                    (count(*) FILTER (WHERE d.intent <> 'Delete'))::int AS kept,
                    min(l.reason) FILTER (WHERE l.state = 'Pending') AS waits,
                    min((SELECT min(t.at) FROM tenant_transitions t WHERE t.tenant_id = r.tenant_id AND t.to_state = 'Placed')) AS first
                FROM job_replicas r LEFT JOIN tenant_lifecycles l ON l.tenant_id = r.tenant_id LEFT JOIN tenant_desired d ON d.tenant_id = r.tenant_id LEFT JOIN placements p ON p.tenant_id = r.tenant_id
                WHERE r.job_id = j.id) f
        """;

    private const string Open = " WHERE j.state = 'Active' OR (j.state = 'Cancelled' AND f.kept > 0) OR (j.state IN ('Completed', 'Failed') AND NOT s.paused AND s.next_run_at <= clock_timestamp()) ORDER BY j.priority DESC, j.id";

    public static async Task<IReadOnlyList<JobSituation>> OpenAsync(NpgsqlConnection connection, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(Facts + Open, connection);
        return await ReadAsync(command, cancel);
    }

    /// <summary>The same of one job; null: it does not exist.</summary>
    public static async Task<JobSituation?> OneAsync(NpgsqlConnection connection, Guid job, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(Facts + " WHERE j.id = $1", connection) { Parameters = { new NpgsqlParameter<Guid> { TypedValue = job } } };
        return (await ReadAsync(command, cancel)).SingleOrDefault();
    }

    private static async Task<IReadOnlyList<JobSituation>> ReadAsync(NpgsqlCommand command, CancellationToken cancel)
    {
        var jobs = new List<JobSituation>();
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel))
        {
            jobs.Add(new JobSituation
            {
                Id = row.GetGuid(0),
                State = Enum.Parse<JobState>(row.GetString(1)),
                Reason = row.GetString(2),
                Replicas = row.GetInt32(3),
                Empty = row.GetInt32(4),
                Placed = row.GetInt32(5),
                Running = row.GetInt32(6),
                Ended = row.GetInt32(7),
                Failed = row.GetInt32(8),
                Kept = row.GetInt32(9),
                Waits = row.IsDBNull(10) ? null : row.GetString(10),
                Overdue = row.GetBoolean(11),
                Expired = row.GetBoolean(12),
                Schedule = row.IsDBNull(13) ? null : new ScheduleFacts(row.GetString(13), row.GetString(14), row.GetBoolean(15), row.GetBoolean(16), row.GetFieldValue<DateTimeOffset>(17)),
            });
        }
        return jobs;
    }
}
