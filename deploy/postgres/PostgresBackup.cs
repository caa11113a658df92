namespace Osv.Postgres;

/// <summary>A database as libpq programs reach it.</summary>
/// <param name="Connection">Keywords and values, or a postgresql:// address.</param>
/// <param name="Password">Goes through the environment, where other users cannot see it. Null: from ~/.pgpass or PGPASSWORD.</param>
public sealed record PostgresTarget(string Connection, string? Password)
{
    internal IReadOnlyDictionary<string, string> Environment => Password is { } password ? new Dictionary<string, string> { ["PGPASSWORD"] = password } : PostgresPrograms.NoEnvironment;
}

/// <summary>Saves a database into one file and makes it anew from there.</summary>
public static class PostgresBackup
{
    /// <summary>Writes a consistent copy in pg_dump's custom format. Users work on meanwhile. The file appears only when complete.</summary>
    /// <exception cref="PostgresException">The file exists, or pg_dump failed.</exception>
    public static async Task SaveAsync(PostgresTarget target, string file, CancellationToken cancel)
    {
        file = Path.GetFullPath(file);
        if (File.Exists(file)) throw new PostgresException($"{file} exists already: choose another name or remove it first");
        string unfinished = file + ".unfinished";
        ProgramResult dumped = await PostgresPrograms.Find().RunAsync("pg_dump", ["--format=custom", "--no-owner", "--no-acl", "--file", unfinished, "--dbname", target.Connection], target.Environment, cancel);
        if (dumped.Status != 0)
        {
            File.Delete(unfinished);
            throw new PostgresException($"the database could not be saved: {FirstLine(dumped.Error)}");
        }
        File.SetUnixFileMode(unfinished, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.Move(unfinished, file);
    }

    /// <summary>Fills a database from a file, in one transaction: all of it or nothing.</summary>
    /// <param name="target">The database; it must exist.</param>
    /// <param name="file">Written by <see cref="SaveAsync"/>.</param>
    /// <param name="force">Deletes what the database holds. Without it a database that is not empty is refused.</param>
    /// <param name="cancel">Ends pg_restore; the database is then as before.</param>
    /// <exception cref="PostgresException">The file is missing or no backup, the database is not empty, or pg_restore failed.</exception>
    public static async Task RestoreAsync(PostgresTarget target, string file, bool force, CancellationToken cancel)
    {
        file = Path.GetFullPath(file);
        if (!File.Exists(file)) throw new PostgresException($"{file} does not exist: name a file that 'osv db backup' wrote");
        PostgresPrograms programs = PostgresPrograms.Find();
        // Before anything is deleted: is this a backup at all?
        ProgramResult listed = await programs.RunAsync("pg_restore", ["--list", file], PostgresPrograms.NoEnvironment, cancel);
        if (listed.Status != 0) throw new PostgresException($"{file} is not a backup: {FirstLine(listed.Error)}");
        string tables = await QueryAsync(programs, target, "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'", cancel);
        if (tables != "0" && !force) throw new PostgresException($"the database holds {tables} tables already: restore with --force to replace them, which cannot be undone");
        string script = Path.Combine(Path.GetTempPath(), $"osv-restore-{Guid.NewGuid():N}.sql");
        try
        {
            await using (File.Create(script)) File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            ProgramResult written = await programs.RunAsync("pg_restore", ["--no-owner", "--no-acl", "--file", script, file], PostgresPrograms.NoEnvironment, cancel);
            if (written.Status != 0) throw new PostgresException($"{file} could not be read: {FirstLine(written.Error)}");
            // One transaction around deleting and filling. Dropping the schema and not each table also takes what the backup does not know.
            ProgramResult restored = await programs.RunAsync(
                "psql",
                ["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--output=/dev/null", "--dbname", target.Connection, "--command", Empty, "--file", script],
                target.Environment,
                cancel);
            if (restored.Status != 0) throw new PostgresException($"the backup could not be restored and the database is as before: {FirstLine(restored.Error)}");
        }
        finally
        {
            File.Delete(script);
        }
        // Without statistics the first plans would be poor.
        await QueryAsync(programs, target, "ANALYZE", cancel);
    }

    private const string Empty =
        """
        SET client_min_messages = warning;
        SET lock_timeout = '30s';
        DO $$ DECLARE name text; BEGIN
            FOR name IN SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema' LOOP
                EXECUTE format('DROP SCHEMA %I CASCADE', name);
            END LOOP;
        END $$;
        CREATE SCHEMA public;
        """;

    internal static async Task<string> QueryAsync(PostgresPrograms programs, PostgresTarget target, string sql, CancellationToken cancel)
    {
        ProgramResult result = await programs.RunAsync("psql", ["--no-psqlrc", "--tuples-only", "--no-align", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", target.Connection, "--command", sql], target.Environment, cancel);
        return result.Status == 0 ? result.Output.Trim() : throw new PostgresException($"the database does not answer: {FirstLine(result.Error)}");
    }

    private static string FirstLine(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).FirstOrDefault() ?? "no message";
}
