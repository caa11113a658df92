using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Osv.Data.Images;
using Osv.Data.Placements;
using Osv.Database.Testing;
using Osv.Gateway.Tests;
using Osv.Web.Boot;
using Osv.Web.Hosting;

[assembly: AssemblyFixture(typeof(Plane))]

namespace Osv.Gateway.Tests;

/// <summary>One control plane for all tests: they keep apart by the serial numbers of their machines. The tests play the scheduler.</summary>
public sealed class Plane : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("osv-gateway").FullName;
    private TestCluster _cluster = default!;
    private WebApplication _host = default!;

    public TestDatabase Database { get; private set; } = default!;

    public Uri Netboot => NetbootOf(_host);

    public Uri Gateway => GatewayOf(_host);

    public WebApplication Host => _host;

    public byte[] Monitor { get; } = RandomNumberGenerator.GetBytes(300_000);

    public byte[] Payload { get; } = RandomNumberGenerator.GetBytes(2_000_000);

    /// <summary>What tenants boot; two and a half chunks of the store.</summary>
    public byte[] Kernel { get; } = TestKernel.Make(size: (ContentStore.ChunkBytes * 5) / 2);

    public byte[] Initrd { get; } = RandomNumberGenerator.GetBytes(1000);

    public async ValueTask InitializeAsync()
    {
        await File.WriteAllBytesAsync(Path.Combine(_folder, "monitor"), Monitor);
        await File.WriteAllBytesAsync(Path.Combine(_folder, "payload"), Payload);
        _cluster = await TestCluster.StartAsync(CancellationToken.None);
        Database = await _cluster.CreateDatabaseAsync(CancellationToken.None);
        _host = await StartAsync();
    }

    /// <summary>Another host on the same database.</summary>
    public Task<WebApplication> StartAsync(params string[] arguments) => StartOnAsync(Database, arguments);

    public async Task<WebApplication> StartOnAsync(TestDatabase database, params string[] arguments)
    {
        WebApplication host = OsvHost.Build(
            ["--urls", "http://127.0.0.1:0", $"--ConnectionStrings:Osv={_cluster.Cluster.TcpConnectionString(database.Name)}", "--Serilog:MinimumLevel:Default=Warning", "--Osv:Scheduler:Enabled=false",
            "--Osv:KeyFolder", Path.Combine(_folder, "keys"), "--Osv:Netboot:Listen=http://127.0.0.1:0", "--Osv:Gateway:Listen=https://127.0.0.1:0",
            "--Osv:Netboot:Monitor", Path.Combine(_folder, "monitor"), "--Osv:Netboot:Payload", Path.Combine(_folder, "payload"),
            "--Osv:Netboot:EraserKernel", Path.Combine(_folder, "monitor"), "--Osv:Netboot:EraserInitrd", Path.Combine(_folder, "payload"), .. arguments]);
        try
        {
            await host.StartAsync();
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    public Task<TestDatabase> NewDatabaseAsync() => _cluster.CreateDatabaseAsync(TestContext.Current.CancellationToken);

    public static Uri NetbootOf(WebApplication host) => host.Services.GetRequiredService<NodeAddresses>().Netboot;

    public static Uri GatewayOf(WebApplication host) => host.Services.GetRequiredService<NodeAddresses>().Gateway;

    /// <summary>What an operator does: the node is let in.</summary>
    public async Task ApproveAsync(Guid node)
    {
        await Database.ExecuteAsync("INSERT INTO node_desired (node_id, intent, changed_by, changed_at) VALUES ($1, 'Serve', 'operator', clock_timestamp()) ON CONFLICT DO NOTHING", node);
    }

    /// <summary>What the scheduler does with a node that reported what it has.</summary>
    public Task ReadyAsync(Guid node) => MoveNodeAsync(node, "PendingApproval", "Ready");

    public async Task MoveNodeAsync(Guid node, params string[] states)
    {
        foreach (string state in states) await Database.ExecuteAsync("UPDATE node_lifecycles SET state = $2, reason = 'moved by a test', deadline_at = now() + interval '1 hour' WHERE node_id = $1", node, state);
    }

    /// <summary>A tenant that boots <see cref="Kernel"/> and <see cref="Initrd"/> and wants to run.</summary>
    public async Task<Guid> TenantAsync(int cores = 1, long memoryBytes = 256 << 20, bool runsOn = false)
    {
        Guid project = await new FleetSeed(Database.Source).ProjectAsync($"project-{Guid.NewGuid():N}");
        Guid tenant = (await new FleetSeed(Database.Source).TenantsAsync(project, 1, cores, memoryBytes))[0];
        Content kernel = await ContentStore.AddAsync(Database.Source, new MemoryStream(Kernel), TimeProvider.System, TestContext.Current.CancellationToken);
        Content initrd = await ContentStore.AddAsync(Database.Source, new MemoryStream(Initrd), TimeProvider.System, TestContext.Current.CancellationToken);
        var image = Guid.CreateVersion7();
        await Database.ExecuteAsync("INSERT INTO images (id, project_id, name, kernel_sha256, initrd_sha256, command_line, created_at) VALUES ($1, $2, 'linux', $3, $4, 'console=ttyS0', now())", image, project, kernel.Sha256, initrd.Sha256);
        await Database.ExecuteAsync("UPDATE tenants SET image_id = $2, name = 'web', ssh_key = 'ssh-ed25519 AAAA test', runs_on_without_lease = $3, restart_policy = 'OnFailure' WHERE id = $1", tenant, image, runsOn);
        await Database.ExecuteAsync("INSERT INTO tenant_desired (tenant_id, intent, reboots, changed_by, changed_at) VALUES ($1, 'Run', 0, 'owner', now())", tenant);
        return tenant;
    }

    /// <summary>Gives a tenant cores and memory of a <see cref="Machine"/> that has reported its inventory.</summary>
    /// <returns>The fence.</returns>
    public async Task<long> PlaceAsync(Guid tenant, Guid node, int[] cores, long memoryOffset = 0, long memoryBytes = 256 << 20, params string[] devices)
    {
        var plan = new PlacementPlan { TenantId = tenant, NodeId = node, ApicIds = cores, Memory = [new MemoryStretch((long)Machine.MemoryStart + memoryOffset, memoryBytes)], PciAddresses = devices };
        IReadOnlyList<CommitOutcome> outcomes = await new PlacementCommit(Database.Source, new CommitCounters()).CommitAsync([plan], TestContext.Current.CancellationToken);
        return outcomes.Single().ShouldBeOfType<Committed>(outcomes.Single().ToString()).Fence;
    }

    public async Task MoveTenantAsync(Guid tenant, params string[] states)
    {
        foreach (string state in states) await Database.ExecuteAsync("UPDATE tenant_lifecycles SET state = $2, reason = 'moved by a test', deadline_at = now() + interval '1 hour' WHERE tenant_id = $1", tenant, state);
    }

    /// <summary>Waits until a query gives what is wanted, as long as a test may take; the database cannot call.</summary>
    public async Task UntilAsync<T>(string sql, T wanted, params object[] parameters)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        T? last = default;
        while (!deadline.IsCancellationRequested)
        {
            IReadOnlyList<T> rows = await Database.ListAsync<T>(sql, parameters);
            if (rows.Count == 1 && Equals(last = rows[0], wanted)) return;
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
        last.ShouldBe(wanted, sql);
        throw new TimeoutException($"no row: {sql}");
    }

    public async ValueTask DisposeAsync()
    {
        if (_host is not null)
        {
            await _host.StopAsync();
            await _host.DisposeAsync();
        }
        await Database.DisposeAsync();
        await _cluster.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
