using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Osv.Data.Images;
using Osv.Database.Testing;
using Osv.Web.Boot;
using Osv.Web.Hosting;

namespace Osv.Node.Tests;

/// <summary>An emulated node that boots from the control plane itself: gateway, scheduler and database as they are shipped.</summary>
public sealed class ControlPlaneTests(NodeFixture fixture)
{
    private const string Serial = "REAL-1";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_registered_machine_becomes_Ready_and_runs_a_tenant_that_is_stopped_again()
    {
        string folder = Directory.CreateTempSubdirectory("osv-node").FullName;
        await File.WriteAllBytesAsync(Path.Combine(folder, "monitor"), fixture.Monitor, Cancel);
        await using TestCluster cluster = await TestCluster.StartAsync(Cancel);
        await using TestDatabase database = await cluster.CreateDatabaseAsync(Cancel);
        await using WebApplication host = OsvHost.Build(
            ["--urls", "http://127.0.0.1:0", $"--ConnectionStrings:Osv={cluster.Cluster.TcpConnectionString(database.Name)}", "--Serilog:MinimumLevel:Default=Warning", "--Osv:KeyFolder", Path.Combine(folder, "keys"),
            "--Osv:Scheduler:Maintenance:Enabled=false", "--Osv:Netboot:Listen=http://127.0.0.1:0", "--Osv:Netboot:Address=http://10.0.2.2:0", "--Osv:Gateway:Listen=https://127.0.0.1:0", "--Osv:Gateway:Address=https://10.0.2.2:0",
            "--Osv:Netboot:Monitor", Path.Combine(folder, "monitor"), "--Osv:Netboot:Payload", fixture.PayloadPath]);
        await host.StartAsync(Cancel);
        Guid node = await RegisterAsync(database);
        await using NetbootedNode machine = NetbootedNode.Start("real", 4, "2G", Serial, Guid.NewGuid(), NetbootedNode.UserNetwork(new Uri(host.Services.GetRequiredService<NodeAddresses>().Netboot, "/netboot/v1/start.ipxe")));
        await UntilAsync(database, "SELECT state FROM node_lifecycles WHERE node_id = $1", "Ready", node, machine);
        (await database.ListAsync<string>("SELECT s.step || ' ' || s.state FROM node_boot_steps s JOIN node_boots b ON b.id = s.boot_id WHERE b.node_id = $1 ORDER BY b.started_at, s.started_at", node))
            .ShouldBe(["Dhcp Done", "Script Done", "Image Done", "Monitor Done", "Agent Done"], ignoreOrder: true);

        Guid tenant = await TenantAsync(database);
        await UntilAsync(database, "SELECT state FROM tenant_lifecycles WHERE tenant_id = $1", "Running", tenant, machine);
        await UntilAsync(database, "SELECT (count(*) > 0)::text FROM console_lines WHERE tenant_id = $1 AND text LIKE '%osv-busybox: shell is up on 2 cores%'", "true", tenant, machine);
        await UntilAsync(database, "SELECT (count(*) > 0)::text FROM console_lines WHERE tenant_id = $1 AND text ~ '^user data at [0-9]+'", "true", tenant, machine);
        (await database.QueryAsync<double>("SELECT abs(extract(epoch FROM clock_timestamp()) - substring(text FROM 'user data at ([0-9]+)')::bigint)::float8 FROM console_lines WHERE tenant_id = $1 AND text ~ '^user data at [0-9]+'", tenant))
            .ShouldBeLessThan(30, "a tenant is told the time");
        (await database.QueryAsync<long>("SELECT count(*) FROM partition_events WHERE tenant_id = $1 AND kind = 'Started'", tenant)).ShouldBe(1);
        (await database.QueryAsync<long>("SELECT count(*) FROM exit_samples WHERE tenant_id = $1", tenant)).ShouldBeGreaterThan(0);
        (await database.QueryAsync<long>("SELECT count(*) FROM agent_log_lines WHERE node_id = $1", node)).ShouldBeGreaterThan(0);

        await database.ExecuteAsync("UPDATE tenant_desired SET intent = 'Stop', changed_by = 'owner', changed_at = clock_timestamp() WHERE tenant_id = $1", tenant);
        await UntilAsync(database, "SELECT state FROM tenant_lifecycles WHERE tenant_id = $1", "Stopped", tenant, machine);
        (await database.QueryAsync<long>("SELECT count(*) FROM placements")).ShouldBe(0);
        await host.StopAsync(Cancel);
        Directory.Delete(folder, recursive: true);
    }

    private static async Task<Guid> RegisterAsync(TestDatabase database)
    {
        var node = Guid.CreateVersion7();
        await database.ExecuteAsync("INSERT INTO nodes (id, name, serial_number, rack, power_domain, labels, registered_at) VALUES ($1, 'node-1', $2, '', '', '{}', now())", node, Serial);
        await database.ExecuteAsync("INSERT INTO node_lifecycles (node_id, state, reason, owner, deadline_at) VALUES ($1, 'Discovered', 'registered', 'operator', now() + interval '1 day')", node);
        await database.ExecuteAsync("INSERT INTO node_desired (node_id, intent, changed_by, changed_at) VALUES ($1, 'Serve', 'operator', now())", node);
        return node;
    }

    /// <summary>The busybox tenant, wanted to run.</summary>
    private async Task<Guid> TenantAsync(TestDatabase database)
    {
        Guid project = await new FleetSeed(database.Source).ProjectAsync("project");
        Guid tenant = (await new FleetSeed(database.Source).TenantsAsync(project, 1, 2, 256 << 20))[0];
        Content kernel = await ContentStore.AddAsync(database.Source, new MemoryStream(fixture.TenantKernel), TimeProvider.System, Cancel);
        Content initrd = await ContentStore.AddAsync(database.Source, new MemoryStream(fixture.TenantInitrd), TimeProvider.System, Cancel);
        var image = Guid.CreateVersion7();
        await database.ExecuteAsync("INSERT INTO images (id, project_id, name, kernel_sha256, initrd_sha256, command_line, created_at) VALUES ($1, $2, 'busybox', $3, $4, 'console=ttyS0 quiet', now())", image, project, kernel.Sha256, initrd.Sha256);
        await database.ExecuteAsync("UPDATE tenants SET image_id = $2, name = 'shell' WHERE id = $1", tenant, image);
        await database.ExecuteAsync("INSERT INTO tenant_user_data (tenant_id, content) VALUES ($1, $2)", tenant, "#!/bin/sh\necho user data at $(date +%s)\n");
        await database.ExecuteAsync("INSERT INTO tenant_desired (tenant_id, intent, reboots, changed_by, changed_at) VALUES ($1, 'Run', 0, 'owner', now())", tenant);
        return tenant;
    }

    /// <summary>The database cannot call; so it is asked until it says what is wanted.</summary>
    private static async Task UntilAsync(TestDatabase database, string sql, string wanted, Guid id, NetbootedNode machine)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        deadline.CancelAfter(Rack.BootTime);
        string last = "";
        try
        {
            while ((last = await database.QueryAsync<string>(sql, id)) != wanted) await Task.Delay(100, deadline.Token);
        }
        catch (OperationCanceledException) when (!Cancel.IsCancellationRequested)
        {
            IReadOnlyList<string> said = await database.ListAsync<string>("SELECT level || ' ' || message FROM agent_log_lines ORDER BY at, number LIMIT 100");
            throw new TimeoutException($"waited {Rack.BootTime.TotalSeconds:0} s for {wanted}: {sql}; it is {last}. The agent said:\n{string.Join('\n', said)}\nserial:\n{machine.Serial}");
        }
    }
}
