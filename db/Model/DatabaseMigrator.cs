using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Osv.Data;

/// <summary>Brings a database to the schema of this code. Every process calls it at start; only one of them works at a time.</summary>
public static class DatabaseMigrator
{
    /// <summary>Key of the advisory lock: "OSVMIGR" in ASCII.</summary>
    private const long LockKey = 0x4F53_564D_4947_52;

    /// <returns>The migrations that were applied, oldest first.</returns>
    /// <exception cref="InvalidOperationException">The database is newer than this code.</exception>
    public static async Task<IReadOnlyList<string>> MigrateAsync(NpgsqlDataSource source, CancellationToken cancel)
    {
        await using NpgsqlConnection guard = await source.OpenConnectionAsync(cancel);
        await using (var wait = new NpgsqlCommand("SELECT pg_advisory_lock($1)", guard) { Parameters = { new() { Value = LockKey } }, CommandTimeout = 0 })
        {
            await wait.ExecuteNonQueryAsync(cancel);
        }
        try
        {
            await using OsvDbContext context = OsvDatabase.CreateContext(source);
            string[] known = [.. context.Database.GetMigrations()];
            string[] unknown = [.. (await context.Database.GetAppliedMigrationsAsync(cancel)).Except(known)];
            if (unknown.Length > 0)
            {
                throw new InvalidOperationException($"the database has the migration {unknown[^1]}, which this version does not know: start the version that wrote it, or restore a backup made before");
            }
            string[] pending = [.. await context.Database.GetPendingMigrationsAsync(cancel)];
            if (pending.Length > 0) await context.Database.MigrateAsync(cancel);
            return pending;
        }
        finally
        {
            await using var release = new NpgsqlCommand("SELECT pg_advisory_unlock($1)", guard) { Parameters = { new() { Value = LockKey } } };
            await release.ExecuteNonQueryAsync(CancellationToken.None);
        }
    }
}
