using System.Globalization;
using Npgsql;

namespace Osv.Data.Logs;

/// <summary>The partitions by day (UTC) of consoles, exit samples and agents' log lines: made ahead of time, dropped when their time is up.</summary>
public static class DailyPartitions
{
    /// <summary>The partitioned tables.</summary>
    public static IReadOnlyList<string> Tables { get; } = ["console_chunks", "console_lines", "exit_samples", "agent_log_lines"];

    /// <summary>Key of the advisory lock: "OSVDAYS" in ASCII.</summary>
    private const long LockKey = 0x4F53_5644_4159_53;

    /// <summary>Makes the partitions of the days from <paramref name="first"/> on that do not exist yet. Rows of those days that wait in the default partition move in.</summary>
    /// <returns>Names of the new partitions.</returns>
    public static async Task<IReadOnlyList<string>> EnsureAsync(NpgsqlDataSource source, DateOnly first, int days, CancellationToken cancel)
    {
        var made = new List<string>();
        await using NpgsqlConnection connection = await source.OpenConnectionAsync(cancel);
        foreach (string table in Tables)
        {
            for (int i = 0; i < days; i++)
            {
                if (await MakeAsync(connection, table, first.AddDays(i), cancel) is { } name) made.Add(name);
            }
        }
        return made;
    }

    /// <summary>Drops the partitions of the days before <paramref name="day"/>, and such rows of the default partition.</summary>
    /// <returns>Names of the dropped partitions.</returns>
    public static async Task<IReadOnlyList<string>> DropBeforeAsync(NpgsqlDataSource source, DateOnly day, CancellationToken cancel)
    {
        var dropped = new List<string>();
        await using NpgsqlConnection connection = await source.OpenConnectionAsync(cancel);
        foreach (string table in Tables)
        {
            foreach (string partition in await ListAsync(connection, table, cancel))
            {
                if (Day(table, partition) is not { } of || of >= day) continue;
                await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancel);
                // Dropping needs the table for itself for a moment; behind a long query it gives up instead of blocking all writers, and the next run tries again.
                await ExecuteAsync(connection, $"SET LOCAL lock_timeout = '5s'; DROP TABLE {partition}", cancel);
                await transaction.CommitAsync(cancel);
                dropped.Add(partition);
            }
            await ExecuteAsync(connection, $"DELETE FROM {table}_default WHERE at < '{Start(day)}'", cancel);
        }
        return dropped;
    }

    private static async Task<string?> MakeAsync(NpgsqlConnection connection, string table, DateOnly day, CancellationToken cancel)
    {
        string name = $"{table}_{day.ToString("yyyyMMdd", CultureInfo.InvariantCulture)}", from = Start(day), to = Start(day.AddDays(1));
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(cancel);
        await ExecuteAsync(connection, $"SELECT pg_advisory_xact_lock({LockKey})", cancel);
        if ((await ListAsync(connection, table, cancel)).Contains(name)) return null;
        await ExecuteAsync(
            connection,
            $"""
            SET LOCAL lock_timeout = '5s';
            CREATE TABLE {name} (LIKE {table} INCLUDING ALL);
            LOCK TABLE {table}_default IN ACCESS EXCLUSIVE MODE;
            WITH moved AS (DELETE FROM {table}_default WHERE at >= '{from}' AND at < '{to}' RETURNING *) INSERT INTO {name} SELECT * FROM moved;
            ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{from}') TO ('{to}');
            """,
            cancel);
        await transaction.CommitAsync(cancel);
        return name;
    }

    private static async Task<IReadOnlyList<string>> ListAsync(NpgsqlConnection connection, string table, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = $1::regclass ORDER BY 1", connection);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = table });
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancel);
        var names = new List<string>();
        while (await reader.ReadAsync(cancel)) names.Add(reader.GetString(0));
        return names;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancel);
    }

    private static DateOnly? Day(string table, string partition) =>
        DateOnly.TryParseExact(partition.AsSpan(table.Length + 1), "yyyyMMdd", CultureInfo.InvariantCulture, DateTimeStyles.None, out DateOnly day) ? day : null;

    private static string Start(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) + " 00:00:00+00";
}
