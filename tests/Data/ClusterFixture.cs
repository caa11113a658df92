using Osv.Data.Tests;
using Osv.Database.Testing;

[assembly: AssemblyFixture(typeof(ClusterFixture))]

namespace Osv.Data.Tests;

/// <summary>The cluster of this run.</summary>
public sealed class ClusterFixture : IAsyncLifetime
{
    private TestCluster? _cluster;

    public TestCluster Cluster => _cluster ?? throw new InvalidOperationException("the cluster was not started");

    public async ValueTask InitializeAsync() => _cluster = await TestCluster.StartAsync(CancellationToken.None);

    public ValueTask DisposeAsync() => _cluster?.DisposeAsync() ?? ValueTask.CompletedTask;
}

/// <summary>A database of its own for every test class that takes this as class fixture.</summary>
public sealed class DatabaseFixture(ClusterFixture cluster) : IAsyncLifetime
{
    private TestDatabase? _database;

    public TestDatabase Database => _database ?? throw new InvalidOperationException("the database was not made");

    public FleetSeed Seed => new(Database.Source);

    public async ValueTask InitializeAsync() => _database = await cluster.Cluster.CreateDatabaseAsync(CancellationToken.None);

    public ValueTask DisposeAsync() => _database?.DisposeAsync() ?? ValueTask.CompletedTask;
}
