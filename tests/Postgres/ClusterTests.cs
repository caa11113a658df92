using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace Osv.Postgres.Tests;

/// <summary>The private cluster: made once, found again, kept through crashes, and clear about what it lacks.</summary>
public sealed class ClusterTests : IAsyncLifetime
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"osv-cluster-{Guid.NewGuid():N}");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync() => await PostgresCluster.DeleteAsync(_folder, CancellationToken.None);

    [Fact]
    public async Task It_starts_is_found_again_survives_a_crash_and_stops()
    {
        PostgresCluster first = await StartAsync();
        first.WasRunning.ShouldBeFalse();
        await first.EnsureDatabaseAsync("kept", Cancel);
        await first.EnsureDatabaseAsync("kept", Cancel);
        await ExecuteAsync(first.ConnectionString("kept"), "CREATE TABLE t AS SELECT 42 AS n");

        PostgresCluster again = await StartAsync();
        again.ShouldSatisfyAllConditions(cluster => cluster.WasRunning.ShouldBeTrue(), cluster => cluster.ProcessId.ShouldBe(first.ProcessId), cluster => cluster.Port.ShouldBe(first.Port));
        (await QueryAsync<int>(again.TcpConnectionString("kept"), "SELECT n FROM t")).ShouldBe(42);
        (await QueryAsync<string>(again.ConnectionString("kept"), "SELECT current_setting('fsync') || ' ' || current_setting('synchronous_commit')")).ShouldBe("on on");

        using (Process server = Process.GetProcessById(first.ProcessId))
        {
            server.Kill();
            await server.WaitForExitAsync(Cancel);
        }
        PostgresCluster recovered = await StartAsync();
        recovered.WasRunning.ShouldBeFalse();
        recovered.Port.ShouldBe(first.Port);
        (await QueryAsync<int>(recovered.ConnectionString("kept"), "SELECT n FROM t")).ShouldBe(42);

        await recovered.StopAsync(Cancel);
        PostgresCluster.FindRunning(_folder).ShouldBeNull();
        await recovered.StopAsync(Cancel);

        // A crash whose process id went to a stranger: this very test.
        string data = Path.Combine(_folder, "data");
        await File.WriteAllTextAsync(Path.Combine(data, "postmaster.pid"), $"{Environment.ProcessId}\n{data}\n0\n{first.Port}\n\n127.0.0.1\n", Cancel);
        PostgresCluster.FindRunning(_folder).ShouldBeNull();
        (await QueryAsync<int>((await StartAsync()).ConnectionString("kept"), "SELECT n FROM t")).ShouldBe(42);
    }

    [Fact]
    public async Task Many_that_start_it_at_once_get_the_same_server()
    {
        PostgresCluster[] clusters = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => StartAsync()));
        clusters.Select(cluster => cluster.ProcessId).Distinct().Count().ShouldBe(1);
        clusters.Count(cluster => !cluster.WasRunning).ShouldBe(1);
        await Should.ThrowAsync<Npgsql.PostgresException>(() => QueryAsync<int>(clusters[0].ConnectionString("postgres").Replace("Username=osv", "Username=postgres", StringComparison.Ordinal), "SELECT 1"));
        await Should.ThrowAsync<Npgsql.PostgresException>(() => QueryAsync<int>($"{clusters[0].ConnectionString("postgres")};Password=wrong", "SELECT 1"));
        (await QueryAsync<bool>(clusters[0].ConnectionString("postgres"), "SELECT rolsuper FROM pg_roles WHERE rolname = current_user")).ShouldBeFalse();
    }

    [Fact]
    public async Task A_port_that_is_taken_is_named()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        int port = ((IPEndPoint)taken.LocalEndpoint).Port;
        var refused = await Should.ThrowAsync<PostgresException>(() => PostgresCluster.StartAsync(new PostgresOptions { Folder = _folder, Port = port }, Cancel));
        refused.Message.ShouldBe($"port {port} on 127.0.0.1 is taken by another program: stop that or choose another port");
    }

    [Fact]
    public async Task A_missing_package_is_named()
    {
        var refused = await Should.ThrowAsync<PostgresException>(() => PostgresCluster.StartAsync(new PostgresOptions { Folder = _folder, Installations = "/nonexistent" }, Cancel));
        refused.Message.ShouldBe("PostgreSQL 15 or later is not installed in /nonexistent: install it with 'apt-get install postgresql'");
    }

    [Fact]
    public async Task A_folder_that_the_server_cannot_reach_is_named()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root runs PostgreSQL as another user");
        string closed = Path.Combine(_folder, "closed"), inside = Path.Combine(closed, "postgres");
        Directory.CreateDirectory(closed);
        File.SetUnixFileMode(closed, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var refused = await Should.ThrowAsync<PostgresException>(() => PostgresCluster.StartAsync(new PostgresOptions { Folder = inside }, Cancel));
        refused.Message.ShouldStartWith($"user postgres, as whom root runs PostgreSQL, cannot reach {inside}: ");
        (await PostgresHome.FolderAsync(closed, Cancel)).ShouldStartWith("/var/lib/osv/");
    }

    [Fact]
    public async Task A_path_that_is_too_long_for_a_socket_works_all_the_same()
    {
        string deep = Path.Combine(_folder, new string('x', 120));
        PostgresCluster cluster = await PostgresCluster.StartAsync(new PostgresOptions { Folder = deep, SharedBuffersMebibytes = 16 }, Cancel);
        try
        {
            (await QueryAsync<int>(cluster.ConnectionString("postgres"), "SELECT 1")).ShouldBe(1);
        }
        finally
        {
            await PostgresCluster.DeleteAsync(deep, CancellationToken.None);
        }
    }

    private Task<PostgresCluster> StartAsync() => PostgresCluster.StartAsync(new PostgresOptions { Folder = _folder, SharedBuffersMebibytes = 16 }, Cancel);

    private static async Task ExecuteAsync(string connection, string sql)
    {
        await using NpgsqlDataSource source = NpgsqlDataSource.Create(connection);
        await using NpgsqlCommand command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Cancel);
    }

    private static async Task<T> QueryAsync<T>(string connection, string sql)
    {
        await using NpgsqlDataSource source = NpgsqlDataSource.Create(connection);
        await using NpgsqlCommand command = source.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(Cancel))!;
    }
}
