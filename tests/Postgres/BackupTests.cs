using System.Diagnostics;
using Npgsql;
using Osv.Data;
using Osv.Data.Placements;
using Osv.Database.Testing;

namespace Osv.Postgres.Tests;

/// <summary><c>osv db backup</c> and <c>osv db restore</c> on the database of a working copy, through the command line.</summary>
public sealed class BackupTests : IAsyncLifetime
{
    private readonly string _workingCopy = Path.Combine(Path.GetTempPath(), $"osv-backup-{Guid.NewGuid():N}");
    private PostgresCluster? _cluster;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Folder => Path.Combine(_workingCopy, ".osv", "postgres");

    public async ValueTask InitializeAsync()
    {
        Directory.CreateDirectory(_workingCopy);
        File.SetUnixFileMode(_workingCopy, (UnixFileMode)0b111_101_101);
        _cluster = await PostgresCluster.StartAsync(new PostgresOptions { Folder = Folder, SharedBuffersMebibytes = 64 }, CancellationToken.None);
        await _cluster.EnsureDatabaseAsync(PostgresHome.Database, CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await PostgresCluster.DeleteAsync(Folder, CancellationToken.None);
        Directory.Delete(_workingCopy, recursive: true);
    }

    [Fact]
    public async Task A_database_comes_back_as_it_was_with_all_its_guards()
    {
        await using var database = new TestDatabase(PostgresHome.Database, _cluster!.ConnectionString(PostgresHome.Database));
        (Guid tenant, Guid node) = await FillAsync(database);
        string before = await ContentsAsync(database), file = Path.Combine(_workingCopy, "backup");

        (int status, string output, string error) = await OsvAsync("db", "backup", file);
        error.ShouldBeEmpty();
        status.ShouldBe(0);
        output.ShouldStartWith($"saved the database to {file} (");
        File.GetUnixFileMode(file).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);

        (status, _, error) = await OsvAsync("db", "backup", file);
        status.ShouldBe(1);
        error.ShouldBe($"osv: {file} exists already: choose another name or remove it first\n");

        (status, _, error) = await OsvAsync("db", "restore", file);
        status.ShouldBe(1);
        error.ShouldContain("restore with --force to replace them");

        await database.ExecuteAsync("DELETE FROM placements");
        await database.ExecuteAsync("CREATE TABLE later AS SELECT 1 AS n");
        (await ContentsAsync(database)).ShouldNotBe(before);
        (status, output, error) = await OsvAsync("db", "restore", file, "--force");
        error.ShouldBeEmpty();
        status.ShouldBe(0);
        output.ShouldBe($"restored the database from {file}\n");

        NpgsqlConnection.ClearAllPools();
        (await ContentsAsync(database)).ShouldBe(before);
        (await DatabaseMigrator.MigrateAsync(database.Source, Cancel)).ShouldBeEmpty();
        (await Should.ThrowAsync<Npgsql.PostgresException>(() => database.ExecuteAsync("INSERT INTO core_allocations (node_id, apic_id, tenant_id) VALUES ($1, 0, $2)", node, tenant))).ConstraintName.ShouldBe("pk_core_allocations");
        (await Should.ThrowAsync<Npgsql.PostgresException>(() => database.ExecuteAsync("UPDATE tenant_lifecycles SET state = 'Running' WHERE tenant_id = $1", tenant))).ConstraintName.ShouldBe("tenant_lifecycle_transition");
        (await Should.ThrowAsync<Npgsql.PostgresException>(() => database.ExecuteAsync("UPDATE placements SET node_id = node_id"))).ConstraintName.ShouldBe("row_never_changes");
    }

    [Fact]
    public async Task An_empty_database_is_filled_without_force_also_when_the_server_does_not_run()
    {
        await using (var database = new TestDatabase(PostgresHome.Database, _cluster!.ConnectionString(PostgresHome.Database)))
        {
            await database.ExecuteAsync("CREATE TABLE kept AS SELECT 42 AS n");
        }
        string file = Path.Combine(_workingCopy, "backup");
        (await OsvAsync("db", "backup", file)).Status.ShouldBe(0);
        await PostgresCluster.DeleteAsync(Folder, Cancel);
        (await OsvAsync("db", "restore", file)).ShouldBe((0, $"restored the database from {file}\n", ""));
        PostgresCluster.FindRunning(Folder).ShouldBeNull();
        PostgresCluster again = await PostgresCluster.StartAsync(new PostgresOptions { Folder = Folder }, Cancel);
        await using var restored = new TestDatabase(PostgresHome.Database, again.ConnectionString(PostgresHome.Database));
        (await restored.QueryAsync<int>("SELECT n FROM kept")).ShouldBe(42);
    }

    [Fact]
    public async Task What_is_no_backup_leaves_the_database_alone()
    {
        await using var database = new TestDatabase(PostgresHome.Database, _cluster!.ConnectionString(PostgresHome.Database));
        await database.ExecuteAsync("CREATE TABLE kept AS SELECT 42 AS n");
        string file = Path.Combine(_workingCopy, "no-backup");
        (int status, _, string error) = await OsvAsync("db", "restore", file, "--force");
        (status, error).ShouldBe((1, $"osv: {file} does not exist: name a file that 'osv db backup' wrote\n"));
        await File.WriteAllTextAsync(file, "DROP TABLE kept", Cancel);
        (status, _, error) = await OsvAsync("db", "restore", file, "--force");
        status.ShouldBe(1);
        error.ShouldStartWith($"osv: {file} is not a backup: ");

        // Half a backup: its table of contents is whole, its data is not.
        string whole = Path.Combine(_workingCopy, "whole"), half = Path.Combine(_workingCopy, "half");
        await database.ExecuteAsync("CREATE TABLE big AS SELECT md5(n::text) AS text FROM generate_series(1, 20000) n");
        (await OsvAsync("db", "backup", whole)).Status.ShouldBe(0);
        byte[] bytes = await File.ReadAllBytesAsync(whole, Cancel);
        await File.WriteAllBytesAsync(half, bytes[..(bytes.Length / 2)], Cancel);
        (await OsvAsync("db", "restore", half, "--force")).Status.ShouldBe(1);
        (await database.QueryAsync<int>("SELECT n FROM kept")).ShouldBe(42);
    }

    /// <summary>A schema with a placed tenant, a log line and an audit entry.</summary>
    private static async Task<(Guid Tenant, Guid Node)> FillAsync(TestDatabase database)
    {
        await DatabaseMigrator.MigrateAsync(database.Source, Cancel);
        var seed = new FleetSeed(database.Source);
        Guid node = (await seed.NodesAsync(1, new NodeShape()))[0], tenant = (await seed.TenantsAsync(await seed.ProjectAsync("project"), 1))[0];
        IReadOnlyList<CommitOutcome> outcomes = await new PlacementCommit(database.Source, new CommitCounters()).CommitAsync([FleetSeed.Plan(tenant, node, [0, 1])], Cancel);
        outcomes[0].ShouldBeOfType<Committed>();
        await Data.Logs.DailyPartitions.EnsureAsync(database.Source, new DateOnly(2030, 1, 1), 1, Cancel);
        await database.ExecuteAsync("INSERT INTO console_lines (tenant_id, sequence, at, text) VALUES ($1, 1, '2030-01-01 12:00+00', 'Linux version'), ($1, 2, '2040-01-01 12:00+00', 'late')", tenant);
        await using OsvDbContext context = database.CreateContext();
        await using var transaction = await context.Database.BeginTransactionAsync(Cancel);
        await Data.Access.AuditLog.AppendAsync(context, new("alice", "tenant.create", "web", null, "{}"), DateTimeOffset.UnixEpoch, Cancel);
        await transaction.CommitAsync(Cancel);
        return (tenant, node);
    }

    /// <summary>Every row of every table.</summary>
    private static async Task<string> ContentsAsync(TestDatabase database)
    {
        var contents = new List<string>();
        foreach (string table in await database.ListAsync<string>("SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY 1"))
        {
            contents.Add($"{table}:");
            contents.AddRange(await database.ListAsync<string>($"SELECT t::text FROM {table} t ORDER BY 1"));
        }
        return string.Join('\n', contents);
    }

    private async Task<(int Status, string Output, string Error)> OsvAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "osv.dll"), .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["OSV_ROOT"] = _workingCopy;
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(Cancel), error = process.StandardError.ReadToEndAsync(Cancel);
        await process.WaitForExitAsync(Cancel);
        return (process.ExitCode, await output, await error);
    }
}
