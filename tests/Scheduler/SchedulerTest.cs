using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Osv.Data;
using Osv.Data.Lifecycles;
using Osv.Data.Tenants;
using Osv.Database.Testing;
using Osv.Scheduler.Nodes;
using Osv.Scheduler.Tenants;
using Osv.Scheduler.Tests;

[assembly: AssemblyFixture(typeof(ClusterFixture))]

namespace Osv.Scheduler.Tests;

/// <summary>The cluster of this run.</summary>
public sealed class ClusterFixture : IAsyncLifetime
{
    private TestCluster? _cluster;

    public TestCluster Cluster => _cluster ?? throw new InvalidOperationException("the cluster was not started");

    public async ValueTask InitializeAsync() => _cluster = await TestCluster.StartAsync(CancellationToken.None);

    public ValueTask DisposeAsync() => _cluster?.DisposeAsync() ?? ValueTask.CompletedTask;
}

/// <summary>A database for every test class; each test finds it empty.</summary>
public sealed class DatabaseFixture(ClusterFixture cluster) : IAsyncLifetime
{
    private TestDatabase? _database;

    public TestDatabase Database => _database ?? throw new InvalidOperationException("the database was not made");

    /// <summary>Takes away what the last test left. Making a database anew would cost seconds.</summary>
    public async Task EmptyAsync()
    {
        foreach (string table in new[] { "placements", "placement_explanations", "placement_jobs", "placement_groups", "tenants", "nodes", "images", "contents", "projects", "outbox_messages", "idempotency_keys", "leases" })
        {
            await Database.ExecuteAsync($"DELETE FROM {table}");
        }
    }

    public async ValueTask InitializeAsync() => _database = await cluster.Cluster.CreateDatabaseAsync(CancellationToken.None);

    public ValueTask DisposeAsync() => _database?.DisposeAsync() ?? ValueTask.CompletedTask;
}

/// <summary>Contexts on the database of a test.</summary>
public sealed class TestContexts(NpgsqlDataSource source) : IDbContextFactory<OsvDbContext>
{
    public OsvDbContext CreateDbContext() => OsvDatabase.CreateContext(source);
}

/// <summary>
/// A scheduler on a database of its own whose loops do not run: a test takes the rounds itself. Agents and operators are played by writing
/// their rows; time is played by moving the times in the rows.
/// </summary>
public abstract class SchedulerTest(DatabaseFixture fixture) : IClassFixture<DatabaseFixture>, IAsyncLifetime
{
    private ServiceProvider? _services;
    private Guid? _project;

    protected static CancellationToken Cancel => TestContext.Current.CancellationToken;

    protected TestDatabase Database => fixture.Database;

    protected FleetSeed Seed => new(Database.Source);

    /// <summary>Waits so long that none ends while a test runs, however slow the machine is.</summary>
    protected SchedulerOptions Options { get; } = new()
    {
        Replica = "test",
        ClaimFor = TimeSpan.FromHours(1),
        Placing = { FirstBackOff = TimeSpan.FromHours(1), LongestBackOff = TimeSpan.FromHours(1) },
        Tenants = { FirstRestart = TimeSpan.FromHours(1), LongestRestart = TimeSpan.FromHours(1), LookAgain = TimeSpan.FromHours(1) },
        Nodes = { FenceGrace = TimeSpan.FromHours(1), LookAgain = TimeSpan.FromHours(1), FirstHeartbeatWithin = TimeSpan.FromHours(1) },
    };

    protected ServiceProvider Services => _services ??= CreateServices(Options);

    public virtual async ValueTask InitializeAsync() => await fixture.EmptyAsync();

    public virtual async ValueTask DisposeAsync()
    {
        if (_services is not null) await _services.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>Another replica on the same database.</summary>
    protected ServiceProvider CreateServices(SchedulerOptions options)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton(Database.Source);
        services.AddSingleton<IDbContextFactory<OsvDbContext>>(new TestContexts(Database.Source));
        services.AddOsvScheduler(options);
        return services.BuildServiceProvider();
    }

    protected TService Get<TService>()
        where TService : notnull => Services.GetRequiredService<TService>();

    protected async Task<Guid> ProjectAsync() => _project ??= await Seed.ProjectAsync("project");

    /// <summary>Ready nodes that an operator let in and that were heard just now.</summary>
    protected async Task<Guid[]> NodesAsync(int count, NodeShape? shape = null, string prefix = "node", int nodesPerRack = 16)
    {
        Guid[] nodes = await Seed.NodesAsync(count, shape ?? new NodeShape(), prefix, nodesPerRack);
        await Database.ExecuteAsync("UPDATE node_lifecycles SET deadline_at = NULL");
        foreach (Guid node in nodes)
        {
            await NodeIntentAsync(node, "Serve");
            await HeardAsync(node);
        }
        return nodes;
    }

    protected Task NodeIntentAsync(Guid node, string intent) =>
        Database.ExecuteAsync("INSERT INTO node_desired (node_id, intent, changed_by, changed_at) VALUES ($1, $2, 'operator', clock_timestamp()) ON CONFLICT (node_id) DO UPDATE SET intent = $2, changed_at = clock_timestamp()", node, intent);

    /// <summary>A heartbeat, with a lease that ends in so many seconds.</summary>
    protected Task HeardAsync(Guid node, int leaseSeconds = 3600) =>
        Database.ExecuteAsync(
            "INSERT INTO node_heartbeats (node_id, received_at, sequence, lease_expires_at) VALUES ($1, clock_timestamp(), 1, clock_timestamp() + make_interval(secs => $2)) ON CONFLICT (node_id) DO UPDATE SET received_at = clock_timestamp(), lease_expires_at = EXCLUDED.lease_expires_at",
            node, (double)leaseSeconds);

    /// <summary>Tenants that their owner wants to run.</summary>
    protected async Task<Guid[]> TenantsAsync(int count, int cores = 2, long memoryBytes = 2L << 30, int nics = 0, int priority = 0, string policy = "Always")
    {
        Guid[] tenants = await Seed.TenantsAsync(await ProjectAsync(), count, cores, memoryBytes, nics);
        await Database.ExecuteAsync("UPDATE tenants SET priority = $2, restart_policy = $3 WHERE id = ANY ($1)", tenants, priority, policy);
        foreach (Guid tenant in tenants) await IntentAsync(tenant, "Run");
        return tenants;
    }

    protected async Task<Guid> TenantAsync(int cores = 2, int priority = 0, string policy = "Always") => (await TenantsAsync(1, cores, priority: priority, policy: policy))[0];

    protected Task IntentAsync(Guid tenant, string intent) =>
        Database.ExecuteAsync("INSERT INTO tenant_desired (tenant_id, intent, reboots, changed_by, changed_at) VALUES ($1, $2, 0, 'owner', clock_timestamp()) ON CONFLICT (tenant_id) DO UPDATE SET intent = $2, changed_by = 'owner', changed_at = clock_timestamp()", tenant, intent);

    /// <summary>The agent of the tenant's node reports on its present placement.</summary>
    protected async Task SeenAsync(Guid tenant, PartitionPhase phase, string? cause = null, int? reboots = null)
    {
        int rows = await Database.ExecuteAsync(
            """
            INSERT INTO tenant_observed AS o (tenant_id, node_id, partition_state, partition_number, fence, reboots, reboots_followed, end_cause, observed_at)
            SELECT p.tenant_id, p.node_id, $2, 1, p.fence, coalesce($4, d.reboots), coalesce($4, d.reboots), $3, clock_timestamp() FROM placements p JOIN tenant_desired d ON d.tenant_id = p.tenant_id WHERE p.tenant_id = $1
            ON CONFLICT (tenant_id) DO UPDATE SET node_id = EXCLUDED.node_id, partition_state = EXCLUDED.partition_state, fence = EXCLUDED.fence, reboots = EXCLUDED.reboots, end_cause = EXCLUDED.end_cause, observed_at = EXCLUDED.observed_at,
                reboots_followed = CASE WHEN o.fence <> EXCLUDED.fence THEN EXCLUDED.reboots ELSE o.reboots_followed END
            """,
            tenant, phase.ToString(), Nullable(cause), Nullable(reboots));
        rows.ShouldBe(1, "the tenant owns no place that an agent could report on");
    }

    /// <summary>Looks for differences and takes the steps that follow, as the loops do.</summary>
    protected async Task LookAsync()
    {
        do await NodeSweep.RunAsync(Database.Source, 100, Options.Nodes, Cancel);
        while (await Get<NodeRound>().RunAsync(Cancel));
        await TenantSweep.RunAsync(Database.Source, 100, Cancel);
        while (await Get<TenantRound>().RunAsync(Cancel))
        {
        }
    }

    /// <summary>Everything that is due later is due now.</summary>
    protected async Task LaterAsync()
    {
        await Database.ExecuteAsync("UPDATE tenant_lifecycles SET due_at = clock_timestamp() WHERE due_at IS NOT NULL");
        await Database.ExecuteAsync("UPDATE node_lifecycles SET due_at = clock_timestamp() WHERE due_at IS NOT NULL");
        await LookAsync();
    }

    /// <summary>Brings a tenant to run.</summary>
    protected async Task RunAsync(params Guid[] tenants)
    {
        await LookAsync();
        foreach (Guid tenant in tenants) await SeenAsync(tenant, PartitionPhase.Running);
        await LookAsync();
        foreach (Guid tenant in tenants) (await StateAsync(tenant)).ShouldBe(TenantState.Running);
    }

    protected async Task<TenantState> StateAsync(Guid tenant) => Enum.Parse<TenantState>(await Database.QueryAsync<string>("SELECT state FROM tenant_lifecycles WHERE tenant_id = $1", tenant));

    protected Task<string> ReasonAsync(Guid tenant) => Database.QueryAsync<string>("SELECT reason FROM tenant_lifecycles WHERE tenant_id = $1", tenant);

    protected async Task<NodeState> NodeStateAsync(Guid node) => Enum.Parse<NodeState>(await Database.QueryAsync<string>("SELECT state FROM node_lifecycles WHERE node_id = $1", node));

    protected Task<string> NodeReasonAsync(Guid node) => Database.QueryAsync<string>("SELECT reason FROM node_lifecycles WHERE node_id = $1", node);

    /// <summary>Where a tenant has its place; empty: nowhere.</summary>
    protected async Task<Guid> PlaceAsync(Guid tenant) => (await Database.ListAsync<Guid>("SELECT node_id FROM placements WHERE tenant_id = $1", tenant)).SingleOrDefault();

    protected Task<IReadOnlyList<string>> TimelineAsync(Guid tenant) => Database.ListAsync<string>("SELECT to_state FROM tenant_transitions WHERE tenant_id = $1 ORDER BY id", tenant);

    protected static object Nullable<T>(T? value) => value is null ? DBNull.Value : value;
}
