using Npgsql;

namespace Osv.Data.Leases;

/// <summary>Named leases. The clock of the database counts, so replicas need not agree on the time.</summary>
public static class LeaseStore
{
    /// <summary>Takes a lease that is free or expired, or extends one's own.</summary>
    /// <returns>Null: another holds it. <see cref="Lease.Fence"/> stays the same as long as the holder never lost it.</returns>
    public static async Task<Lease?> AcquireAsync(NpgsqlDataSource source, string name, string holder, TimeSpan duration, CancellationToken cancel)
    {
        await using NpgsqlCommand command = source.CreateCommand(
            """
            INSERT INTO leases AS l (name, holder, expires_at, fence) VALUES ($1, $2, clock_timestamp() + $3, 1)
            ON CONFLICT (name) DO UPDATE SET holder = EXCLUDED.holder, expires_at = EXCLUDED.expires_at,
                fence = CASE WHEN l.holder = EXCLUDED.holder AND l.expires_at > clock_timestamp() THEN l.fence ELSE l.fence + 1 END
            WHERE l.holder = EXCLUDED.holder OR l.expires_at <= clock_timestamp()
            RETURNING expires_at, fence
            """);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = name });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = holder });
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = duration });
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancel);
        return await reader.ReadAsync(cancel)
            ? new Lease { Name = name, Holder = holder, ExpiresAt = reader.GetFieldValue<DateTimeOffset>(0), Fence = reader.GetInt64(1) }
            : null;
    }

    /// <summary>Gives a lease back early. Does nothing when it is no longer held.</summary>
    public static async Task ReleaseAsync(NpgsqlDataSource source, Lease lease, CancellationToken cancel)
    {
        // The row stays, so that the fence goes on growing.
        await using NpgsqlCommand command = source.CreateCommand("UPDATE leases SET expires_at = '-infinity' WHERE name = $1 AND holder = $2 AND fence = $3");
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = lease.Name });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = lease.Holder });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = lease.Fence });
        await command.ExecuteNonQueryAsync(cancel);
    }
}
