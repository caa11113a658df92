using System.Globalization;
using Npgsql;
using Osv.Data;
using Osv.Postgres;

namespace Osv.Database.Testing;

/// <summary>A PostgreSQL cluster for one run of a test project: durable like the real one, deleted at the end. What a killed run left behind is removed by the next.</summary>
public sealed class TestCluster : IAsyncDisposable
{
    private const string Template = "template_osv";

    private readonly string _folder;
    private readonly NpgsqlDataSource _maintenance;
    private readonly SemaphoreSlim _copying = new(1);
    private int _databases;

    private TestCluster(string folder, PostgresCluster cluster)
    {
        _folder = folder;
        Cluster = cluster;
        _maintenance = NpgsqlDataSource.Create(cluster.ConnectionString("postgres"));
    }

    public PostgresCluster Cluster { get; }

    /// <summary>Starts the cluster and makes the template that all databases are copied from.</summary>
    public static async Task<TestCluster> StartAsync(CancellationToken cancel)
    {
        await SweepAsync(cancel);
        string folder = FolderOf(Environment.ProcessId);
        PostgresCluster cluster = await PostgresCluster.StartAsync(new PostgresOptions { Folder = folder }, cancel);
        var made = new TestCluster(folder, cluster);
        await made.ExecuteAsync($"CREATE DATABASE {Template}", cancel);
        await using NpgsqlDataSource source = NpgsqlDataSource.Create(cluster.ConnectionString(Template));
        await DatabaseMigrator.MigrateAsync(source, cancel);
        return made;
    }

    /// <summary>A database with the present schema and nothing in it.</summary>
    public async Task<TestDatabase> CreateDatabaseAsync(CancellationToken cancel)
    {
        string name = await CreateAsync($" TEMPLATE {Template}", cancel);
        return new TestDatabase(name, Cluster.ConnectionString(name));
    }

    /// <summary>A database without any table.</summary>
    public async Task<TestDatabase> CreateEmptyDatabaseAsync(CancellationToken cancel)
    {
        string name = await CreateAsync("", cancel);
        return new TestDatabase(name, Cluster.ConnectionString(name));
    }

    public async ValueTask DisposeAsync()
    {
        await _maintenance.DisposeAsync();
        _copying.Dispose();
        await PostgresCluster.DeleteAsync(_folder, CancellationToken.None);
    }

    private async Task<string> CreateAsync(string template, CancellationToken cancel)
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"test_{Interlocked.Increment(ref _databases)}");
        // PostgreSQL refuses to copy a database that is being copied.
        await _copying.WaitAsync(cancel);
        try
        {
            await ExecuteAsync($"CREATE DATABASE {name}{template}", cancel);
        }
        finally
        {
            _copying.Release();
        }
        return name;
    }

    private async Task ExecuteAsync(string sql, CancellationToken cancel)
    {
        await using NpgsqlCommand command = _maintenance.CreateCommand(sql);
        // Copying a database waits for the disk, which others may keep busy.
        command.CommandTimeout = 600;
        await command.ExecuteNonQueryAsync(cancel);
    }

    private static string Prefix => $"osv-tests-{Environment.UserName}-";

    private static string FolderOf(int process) => Path.Combine(Path.GetTempPath(), Prefix + process.ToString(CultureInfo.InvariantCulture));

    private static async Task SweepAsync(CancellationToken cancel)
    {
        foreach (string folder in Directory.EnumerateDirectories(Path.GetTempPath(), Prefix + "*"))
        {
            if (!int.TryParse(Path.GetFileName(folder).AsSpan(Prefix.Length), CultureInfo.InvariantCulture, out int process) || Directory.Exists($"/proc/{process}")) continue;
            try
            {
                await PostgresCluster.DeleteAsync(folder, cancel);
            }
            catch (IOException)
            {
                // Another test run is sweeping the same folder.
            }
        }
    }
}
