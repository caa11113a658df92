using Osv.Data.Lifecycles;
using Osv.Data.Tenants;
using Osv.Scheduler.Nodes;

namespace Osv.Scheduler.Tests;

/// <summary>Lifecycles of nodes, and what becomes of their tenants.</summary>
public sealed class NodeTests(DatabaseFixture fixture) : SchedulerTest(fixture)
{
    [Fact]
    public async Task A_registered_node_is_ready_when_it_has_reported()
    {
        Guid node = await NewNodeAsync();
        await NodeIntentAsync(node, "Serve");
        await LookAsync();
        (await NodeStateAsync(node)).ShouldBe(NodeState.Discovered);
        await HeardAsync(node);
        await LookAsync();
        (await NodeStateAsync(node)).ShouldBe(NodeState.Ready);
        (await Database.ListAsync<string>("SELECT to_state FROM node_transitions ORDER BY id")).ShouldBe(["Discovered", "PendingApproval", "Ready"]);
    }

    [Fact]
    public async Task A_node_that_nobody_registered_waits_for_approval()
    {
        Guid node = await NewNodeAsync();
        await HeardAsync(node);
        await LookAsync();
        (await NodeStateAsync(node)).ShouldBe(NodeState.PendingApproval);
        await NodeIntentAsync(node, "Serve");
        await LookAsync();
        (await NodeStateAsync(node)).ShouldBe(NodeState.Ready);
        (await NodeReasonAsync(node)).ShouldBe("approved by operator");
    }

    [Fact]
    public async Task A_node_that_becomes_ready_takes_those_that_wait()
    {
        Guid node = await NewNodeAsync();
        Guid tenant = await TenantAsync();
        await LookAsync();
        (await StateAsync(tenant)).ShouldBe(TenantState.Pending);
        await NodeIntentAsync(node, "Serve");
        await HeardAsync(node);
        await LookAsync();
        (await PlaceAsync(tenant)).ShouldBe(node);
    }

    [Fact]
    public async Task A_lost_nodes_tenants_start_elsewhere_only_when_it_is_fenced()
    {
        await NodesAsync(2);
        Guid tenant = await TenantAsync();
        await RunAsync(tenant);
        Guid lost = await PlaceAsync(tenant);
        long fence = await Database.QueryAsync<long>("SELECT fence FROM placements");
        await HeardAsync(lost, leaseSeconds: -1);
        await LookAsync();
        (await NodeStateAsync(lost)).ShouldBe(NodeState.Lost);
        (await StateAsync(tenant)).ShouldBe(TenantState.Unreachable);
        // The lease is over, the grace is not: the node's clock may be slow, and stopping takes time.
        await LaterAsync();
        (await PlaceAsync(tenant)).ShouldBe(lost);
        (await ReasonAsync(tenant)).ShouldContain("or its lease has run out");
        await HeardAsync(lost, leaseSeconds: -3601);
        await LaterAsync();
        (await StateAsync(tenant)).ShouldBe(TenantState.Placed);
        (await PlaceAsync(tenant)).ShouldNotBe(lost);
        (await Database.QueryAsync<long>("SELECT fence FROM placements")).ShouldBeGreaterThan(fence);
        (await Database.QueryAsync<int>("SELECT restarts FROM tenant_lifecycles")).ShouldBe(1);
    }

    [Fact]
    public async Task A_tenant_that_runs_on_without_a_lease_is_never_started_twice()
    {
        await NodesAsync(2);
        Guid tenant = await TenantAsync();
        await Database.ExecuteAsync("UPDATE tenants SET runs_on_without_lease = true");
        await RunAsync(tenant);
        Guid lost = await PlaceAsync(tenant);
        await HeardAsync(lost, leaseSeconds: -7200);
        await LookAsync();
        await LaterAsync();
        (await PlaceAsync(tenant)).ShouldBe(lost);
        (await ReasonAsync(tenant)).ShouldBe($"runs on without a lease: waits until {await NameAsync(lost)} answers or is reported off");
        await Database.ExecuteAsync("INSERT INTO node_health_reports (node_id, source, summary, prevents_placement, prevents_state_changes, suppresses_alerts, observed_at) VALUES ($1, 'power-off', 'unplugged', true, false, false, now())", lost);
        await LaterAsync();
        (await StateAsync(tenant)).ShouldBe(TenantState.Placed);
        (await PlaceAsync(tenant)).ShouldNotBe(lost);
    }

    [Fact]
    public async Task A_tenant_whose_policy_is_never_fails_with_its_node()
    {
        Guid[] nodes = await NodesAsync(1);
        Guid tenant = await TenantAsync(policy: "Never");
        await RunAsync(tenant);
        await HeardAsync(nodes[0], leaseSeconds: -7200);
        await LookAsync();
        await LaterAsync();
        (await StateAsync(tenant)).ShouldBe(TenantState.Failed);
    }

    [Fact]
    public async Task A_node_that_answers_in_time_keeps_its_tenants_and_only_new_reports_count()
    {
        Guid[] nodes = await NodesAsync(1);
        Guid tenant = await TenantAsync();
        await RunAsync(tenant);
        await HeardAsync(nodes[0], leaseSeconds: -1);
        await LookAsync();
        await HeardAsync(nodes[0]);
        await LookAsync();
        (await NodeStateAsync(nodes[0])).ShouldBe(NodeState.Ready);
        (await StateAsync(tenant)).ShouldBe(TenantState.Unreachable);
        (await ReasonAsync(tenant)).ShouldContain("is back: waits for its agent to report");
        await SeenAsync(tenant, PartitionPhase.Running);
        await LookAsync();
        (await StateAsync(tenant)).ShouldBe(TenantState.Running);
    }

    [Fact]
    public async Task A_node_that_has_booted_again_is_lost_first()
    {
        Guid[] nodes = await NodesAsync(1);
        Guid tenant = await TenantAsync(), never = await TenantAsync(policy: "Never");
        await RunAsync(tenant, never);
        // Whoever knows the machine's numbers can ask for its script.
        await Database.ExecuteAsync("INSERT INTO node_boots (id, node_id, started_at) VALUES (gen_random_uuid(), $1, clock_timestamp())", nodes[0]);
        await LookAsync();
        (await NodeStateAsync(nodes[0])).ShouldBe(NodeState.Ready);
        await Database.ExecuteAsync("INSERT INTO node_connections (node_id, replica, stream, monitor_boot, boot_seen_at, connected_at, events_known) VALUES ($1, 'r', 's', 'b', clock_timestamp(), clock_timestamp(), 0)", nodes[0]);
        await LookAsync();
        (await Database.ListAsync<string>("SELECT reason FROM node_transitions WHERE node_id = $1 AND to_state = 'Lost'", nodes[0])).Single().ShouldContain("has booted again");
        (await Database.ListAsync<string>("SELECT to_state || ': ' || reason FROM tenant_transitions WHERE tenant_id = $1 ORDER BY id", tenant)).ShouldContain(step => step.StartsWith("Pending: ", StringComparison.Ordinal) && step.Contains("has booted", StringComparison.Ordinal));
        (await StateAsync(never)).ShouldBe(TenantState.Failed);
        (await ReasonAsync(never)).ShouldContain("its restart policy is Never");
        await LookAsync();
        (await StateAsync(tenant)).ShouldBe(TenantState.Placed);
        (await NodeStateAsync(nodes[0])).ShouldBe(NodeState.Ready);
    }

    [Fact]
    public async Task A_drained_node_is_left_by_its_tenants_for_other_places()
    {
        Guid[] nodes = await NodesAsync(2);
        Guid[] tenants = await TenantsAsync(2);
        await RunAsync(tenants);
        Guid from = await PlaceAsync(tenants[0]);
        await NodeIntentAsync(from, "Drain");
        await LookAsync();
        (await NodeStateAsync(from)).ShouldBe(NodeState.Draining);
        (await NodeReasonAsync(from)).ShouldBe("2 tenants left, 2 of them stopping");
        foreach (Guid tenant in tenants) await SeenAsync(tenant, PartitionPhase.Absent);
        await LaterAsync();
        foreach (Guid tenant in tenants) (await PlaceAsync(tenant)).ShouldBe(nodes.Single(node => node != from));
        await LaterAsync();
        (await NodeStateAsync(from)).ShouldBe(NodeState.Drained);
    }

    [Fact]
    public async Task A_drain_names_what_blocks_it_and_touches_nobody()
    {
        Guid[] nodes = await NodesAsync(1);
        Guid pinned = await TenantAsync(), large = await TenantAsync(cores: 4);
        await Database.ExecuteAsync("UPDATE tenants SET labels = '{\"pinned\":\"true\"}', name = 'stuck' WHERE id = $1", pinned);
        await RunAsync(pinned, large);
        await NodeIntentAsync(nodes[0], "Drain");
        await LookAsync();
        string reason = await NodeReasonAsync(nodes[0]);
        reason.ShouldStartWith("2 of 2 tenants block: ");
        reason.ShouldContain("stuck is pinned to node node-0: unpin it or stop it");
        reason.ShouldContain("has no other place: 1 node: 1 drained");
        (await StateAsync(large)).ShouldBe(TenantState.Running);
        await NodeIntentAsync(nodes[0], "Serve");
        await LookAsync();
        (await NodeStateAsync(nodes[0])).ShouldBe(NodeState.Ready);
        (await NodeReasonAsync(nodes[0])).ShouldBe("drain cancelled by operator");
    }

    [Fact]
    public async Task A_preflight_changes_nothing()
    {
        await NodesAsync(2);
        Guid tenant = await TenantAsync();
        await RunAsync(tenant);
        DrainPreflight preflight = (await Get<Drainer>().PreflightAsync(await NameAsync(await PlaceAsync(tenant)), Cancel)).ShouldNotBeNull();
        preflight.Moves.Single().TenantId.ShouldBe(tenant);
        preflight.Blockers.ShouldBeEmpty();
        (await StateAsync(tenant)).ShouldBe(TenantState.Running);
    }

    [Fact]
    public async Task A_drain_moves_few_at_a_time()
    {
        Options.Nodes.MovesAtOnce = 2;
        await NodesAsync(2);
        Guid[] tenants = await TenantsAsync(5);
        await RunAsync(tenants);
        await NodeIntentAsync(await PlaceAsync(tenants[0]), "Drain");
        await LookAsync();
        await LaterAsync();
        (await Database.QueryAsync<long>("SELECT count(*) FROM tenant_lifecycles WHERE state = 'Stopping'")).ShouldBe(2);
    }

    [Fact]
    public async Task A_node_where_starts_keep_failing_is_quarantined_until_approved_anew()
    {
        Options.Nodes.QuarantineAfter = 2;
        Guid[] nodes = await NodesAsync(1);
        Guid[] tenants = await TenantsAsync(2);
        await LookAsync();
        foreach (Guid tenant in tenants) await SeenAsync(tenant, PartitionPhase.Refused, "the memory is bad");
        await LookAsync();
        await Database.ExecuteAsync("UPDATE tenant_lifecycles SET deadline_at = clock_timestamp()");
        await LaterAsync();
        await LookAsync();
        (await NodeStateAsync(nodes[0])).ShouldBe(NodeState.Quarantined);
        foreach (Guid tenant in tenants) await SeenAsync(tenant, PartitionPhase.Absent);
        await LookAsync();
        (await ReasonAsync(tenants[0])).ShouldContain("1 quarantined");
        // Away and back, it is still what it was.
        await HeardAsync(nodes[0], leaseSeconds: -1);
        await LookAsync();
        await HeardAsync(nodes[0]);
        await LookAsync();
        (await NodeStateAsync(nodes[0])).ShouldBe(NodeState.Quarantined);
        await Database.ExecuteAsync("DELETE FROM node_health_reports");
        await NodeIntentAsync(nodes[0], "Serve");
        await LookAsync();
        (await NodeStateAsync(nodes[0])).ShouldBe(NodeState.Ready);
    }

    [Fact]
    public async Task A_retired_node_drains_first_and_loses_its_certificates()
    {
        Guid[] nodes = await NodesAsync(1);
        await Database.ExecuteAsync("INSERT INTO node_certificates (serial_number, node_id, public_key_sha256, not_before_at, not_after_at) VALUES ('1', $1, sha256('x'), now(), now() + interval '1 day')", nodes[0]);
        await NodeIntentAsync(nodes[0], "Retire");
        await LookAsync();
        await LookAsync();
        (await Database.ListAsync<string>("SELECT to_state FROM node_transitions ORDER BY id")).TakeLast(3).ShouldBe(["Draining", "Drained", "Retired"]);
        (await Database.QueryAsync<long>("SELECT count(*) FROM node_certificates WHERE revoked_at IS NULL")).ShouldBe(0);
    }

    private Task<string> NameAsync(Guid node) => Database.QueryAsync<string>("SELECT name FROM nodes WHERE id = $1", node);

    /// <summary>A machine that asked for a boot script and has reported what it has, but sent no heartbeat.</summary>
    private async Task<Guid> NewNodeAsync()
    {
        Guid node = (await Seed.NodesAsync(1, new()))[0];
        await Database.ExecuteAsync("DELETE FROM node_lifecycles");
        await Database.ExecuteAsync("DELETE FROM node_transitions");
        await Database.ExecuteAsync("INSERT INTO node_lifecycles (node_id, state, reason, owner, deadline_at) VALUES ($1, 'Discovered', 'asked for a boot script', 'agent', now() + interval '1 hour')", node);
        return node;
    }
}
