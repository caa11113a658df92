using Osv.Contracts.Node;

namespace Osv.Gateway.Tests;

/// <summary>The whole way of a node, from power-on to a tenant that runs.</summary>
public sealed class WayTests(Plane plane)
{
    [Fact]
    public async Task A_machine_boots_enrols_reports_what_it_has_and_runs_what_is_placed_on_it()
    {
        using var machine = new Machine();
        string script = await machine.BootAsync(plane.Netboot);
        script.ShouldContain("waits for an operator to approve it");
        foreach (string stage in new[] { "monitor", "payload", "loaded", "agent" }) await machine.ReportAsync(plane.Netboot, stage);
        (await machine.EnrolAsync(plane.Gateway)).OutcomeCase.ShouldBe(EnrolReply.OutcomeOneofCase.AwaitingApproval);
        Guid node = await plane.Database.QueryAsync<Guid>("SELECT id FROM nodes WHERE serial_number = $1", machine.Serial);
        (await plane.Database.QueryAsync<string>("SELECT state FROM node_lifecycles WHERE node_id = $1", node)).ShouldBe("Discovered");
        await plane.ApproveAsync(node);
        (await machine.EnrolAsync(plane.Gateway)).Certificate.NodeId.ShouldBe(node.ToString());

        await using AgentStream stream = await machine.ConnectAsync(plane.Gateway);
        stream.Welcome.LeaseSeconds.ShouldBe(60u);
        (await stream.DesiredAsync()).Partitions.ShouldBeEmpty();
        await stream.SayAsync(new AgentEnvelope { Inventory = machine.Inventory() });
        await stream.SayAsync(new AgentEnvelope { Heartbeat = new Heartbeat { UptimeMs = 1 } });
        await stream.TakenAsync();
        (await plane.Database.QueryAsync<long>("SELECT count(*) FROM node_cores WHERE node_id = $1 AND NOT reserved", node)).ShouldBe(7);
        (await plane.Database.QueryAsync<long>("SELECT sum(size_bytes)::bigint FROM node_memory_blocks WHERE node_id = $1", node)).ShouldBe(16L << 30);
        (await plane.Database.ListAsync<string>("SELECT s.step || ' ' || s.state FROM node_boot_steps s JOIN node_boots b ON b.id = s.boot_id WHERE b.node_id = $1 ORDER BY s.started_at, s.step", node))
            .ShouldBe(["Dhcp Done", "Script Done", "Image Done", "Monitor Done", "Agent Done"], ignoreOrder: true);

        await plane.ReadyAsync(node);
        Guid tenant = await plane.TenantAsync(cores: 2);
        await plane.Database.ExecuteAsync("INSERT INTO tenant_user_data (tenant_id, content) VALUES ($1, $2)", tenant, "#cloud-config\nhostname: ü\n");
        long fence = await plane.PlaceAsync(tenant, node, [1, 2]);
        DesiredState desired = await stream.DesiredAsync();
        DesiredPartition partition = desired.Partitions.ShouldHaveSingleItem();
        partition.TenantId.ShouldBe(tenant.ToString());
        partition.ApicIds.ShouldBe([1u, 2u]);
        partition.Memory.ShouldHaveSingleItem().Bytes.ShouldBe(256UL << 20);
        partition.Restart.ShouldBe(RestartPolicy.OnFailure);
        partition.Lease.ShouldBe(LeasePolicy.Stop);
        partition.CloudInit.Hostname.ShouldBe("web");
        partition.CloudInit.SshAuthorizedKeys.ShouldBe(["ssh-ed25519 AAAA test"]);
        partition.CloudInit.UserData.ToStringUtf8().ShouldBe("#cloud-config\nhostname: ü\n");
        using var http = new HttpClient();
        (await http.GetByteArrayAsync(partition.Image.Kernel.Url, TestContext.Current.CancellationToken)).ShouldBe(plane.Kernel);
        (await http.GetByteArrayAsync(partition.Image.Initrd.Url, TestContext.Current.CancellationToken)).ShouldBe(plane.Initrd);

        var observed = new ObservedState { DesiredRevision = desired.Revision };
        observed.Partitions.Add(new ObservedPartition { TenantId = tenant.ToString(), Phase = PartitionPhase.Running, Partition = 3, Exits = { new ExitCount { Reason = "Icr", Count = 12 } } });
        await stream.SayAsync(new AgentEnvelope { Observed = observed });
        await stream.TakenAsync();
        (await plane.Database.QueryAsync<string>("SELECT partition_state || ' ' || partition_number || ' ' || fence FROM tenant_observed WHERE tenant_id = $1", tenant)).ShouldBe($"Running 3 {fence}");
        (await plane.Database.QueryAsync<long>("SELECT total FROM exit_samples WHERE tenant_id = $1 AND exit_reason = 'Icr'", tenant)).ShouldBe(12);
        await plane.UntilAsync("SELECT sequence FROM node_heartbeats WHERE node_id = $1 AND lease_expires_at > clock_timestamp() + interval '50 s'", 2L, node);
    }
}
