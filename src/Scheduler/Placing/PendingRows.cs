using Npgsql;

namespace Osv.Scheduler.Placing;

/// <summary>The lifecycle rows of tenants that wait for a place.</summary>
public static class PendingRows
{
    /// <summary>Most tenants that are woken at once, the most important first; the others follow by their back-off.</summary>
    private const int MostWoken = 1000;

    /// <summary>Leaves tenants Pending with a reason. Each is due again after half of the time it has waited already, within bounds; its deadline stays.</summary>
    public static async Task PutBackAsync(NpgsqlDataSource source, IReadOnlyCollection<(Guid Tenant, string Reason)> refused, PlacingOptions options, CancellationToken cancel)
    {
        if (refused.Count == 0) return;
        (Guid Tenant, string Reason)[] ordered = [.. refused.OrderBy(row => row.Tenant)];
        await using NpgsqlCommand command = source.CreateCommand(
            """
            UPDATE tenant_lifecycles l SET reason = w.reason, owner = 'scheduler', claimed_by = NULL, claimed_until = NULL,
                due_at = clock_timestamp() + least(greatest((clock_timestamp() - l.entered_at) / 2, $3), $4)
            FROM unnest($1, $2) AS w(tenant_id, reason) WHERE l.tenant_id = w.tenant_id AND l.state = 'Pending'
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = [.. ordered.Select(row => row.Tenant)] });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. ordered.Select(row => row.Reason)] });
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = options.FirstBackOff });
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = options.LongestBackOff });
        await command.ExecuteNonQueryAsync(cancel);
    }

    /// <summary>Capacity was freed or added: tenants that wait are due now. Rows that somebody has in hand are passed over.</summary>
    /// <returns>How many were woken.</returns>
    public static async Task<int> WakeAsync(NpgsqlDataSource source, CancellationToken cancel)
    {
        await using NpgsqlCommand command = source.CreateCommand(
            """
            WITH waiting AS MATERIALIZED (
                SELECT l.tenant_id FROM tenant_lifecycles l JOIN tenants t ON t.id = l.tenant_id
                WHERE l.state = 'Pending' AND l.due_at > clock_timestamp() ORDER BY t.priority DESC, l.entered_at LIMIT $1 FOR NO KEY UPDATE OF l SKIP LOCKED)
            UPDATE tenant_lifecycles l SET due_at = clock_timestamp() FROM waiting WHERE l.tenant_id = waiting.tenant_id
            """);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = MostWoken });
        return await command.ExecuteNonQueryAsync(cancel);
    }
}
