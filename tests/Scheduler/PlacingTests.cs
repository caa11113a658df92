using System.Text.Json;
using Osv.Data.Lifecycles;
using Osv.Data.Tenants;
using Osv.Database.Testing;
using Osv.Scheduler.Hosting;
using Osv.Scheduler.Tenants;

namespace Osv.Scheduler.Tests;

/// <summary>Tenants find their places.</summary>
public sealed class PlacingTests(DatabaseFixture fixture) : SchedulerTest(fixture)
{
    [Fact]
    public async Task A_tenant_that_waits_is_placed_and_the_explanation_says_where()
    {
        Guid[] nodes = await NodesAsync(3);
        Guid tenant = (await TenantsAsync(1, cores: 4, nics: 1))[0];
        await LookAsync();
        (await StateAsync(tenant)).ShouldBe(TenantState.Placed);
        nodes.ShouldContain(await PlaceAsync(tenant));
        (await Database.QueryAsync<long>("SELECT count(*) FROM core_allocations WHERE tenant_id = $1", tenant)).ShouldBe(4);
        (await Database.ListAsync<string>("SELECT pci_address FROM device_allocations WHERE tenant_id = $1", tenant)).ShouldBe([NodeShape.Nic(0, 0)]);
        (await Database.QueryAsync<string>("SELECT summary FROM placement_explanations WHERE tenant_id = $1 AND placed", tenant)).ShouldStartWith("placed on node-");
        using var detail = JsonDocument.Parse(await Database.QueryAsync<string>("SELECT detail::text FROM placement_explanations WHERE tenant_id = $1", tenant));
        detail.RootElement.GetProperty("candidates").GetArrayLength().ShouldBe(3);
        detail.RootElement.GetProperty("nodes").GetInt32().ShouldBe(3);
    }

    [Fact]
    public async Task A_refusal_leaves_it_pending_with_filters_and_counts_and_a_later_look()
    {
        Guid[] nodes = await NodesAsync(3);
        await NodeIntentAsync(nodes[0], "Drain");
        Guid tenant = await TenantAsync(cores: 64);
        await LookAsync();
        (await StateAsync(tenant)).ShouldBe(TenantState.Pending);
        string reason = await ReasonAsync(tenant);
        reason.ShouldStartWith("3 nodes: 2 ");
        reason.ShouldContain("1 drained");
        reason.ShouldContain("largest that fits: 16 cores");
        (await Database.QueryAsync<bool>("SELECT due_at > clock_timestamp() AND claimed_by IS NULL FROM tenant_lifecycles WHERE tenant_id = $1", tenant)).ShouldBeTrue();
        (await Database.QueryAsync<string>("SELECT summary FROM placement_explanations WHERE tenant_id = $1 AND NOT placed", tenant)).ShouldBe(reason);
    }

    [Fact]
    public async Task The_same_refusal_is_explained_once()
    {
        await NodesAsync(1);
        Guid tenant = await TenantAsync(cores: 64);
        await LookAsync();
        await LaterAsync();
        await LaterAsync();
        (await Database.QueryAsync<long>("SELECT count(*) FROM placement_explanations WHERE tenant_id = $1", tenant)).ShouldBe(1);
    }

    [Fact]
    public async Task Freed_capacity_wakes_those_that_wait()
    {
        await NodesAsync(1);
        Guid first = await TenantAsync(cores: 16);
        await RunAsync(first);
        Guid second = await TenantAsync(cores: 16);
        await LookAsync();
        (await StateAsync(second)).ShouldBe(TenantState.Pending);
        await Database.ExecuteAsync("UPDATE tenant_lifecycles SET due_at = clock_timestamp() + interval '1 hour' WHERE tenant_id = $1", second);
        await IntentAsync(first, "Stop");
        await LookAsync();
        await SeenAsync(first, PartitionPhase.Absent);
        await LookAsync();
        (await StateAsync(first)).ShouldBe(TenantState.Stopped);
        (await StateAsync(second)).ShouldBe(TenantState.Placed);
    }

    [Fact]
    public async Task Where_the_inventory_changed_since_it_was_read_the_next_candidate_is_taken()
    {
        // Without planning anew only the candidates that the plan named are left.
        Options.Placing.Replans = 0;
        Guid[] nodes = await NodesAsync(2);
        Guid first = await TenantAsync();
        await LookAsync();
        Guid best = await PlaceAsync(first), other = nodes.Single(node => node != best);
        // Packing prefers the node in use; its cores are gone, and the cached inventory does not know.
        await Database.ExecuteAsync("UPDATE node_cores SET reserved = true WHERE node_id = $1 AND NOT EXISTS (SELECT FROM core_allocations a WHERE a.node_id = node_cores.node_id AND a.apic_id = node_cores.apic_id)", best);
        using var conflicts = new MetricRecorder(Get<SchedulerMetrics>(), "osv.scheduler.conflicts");
        Guid second = await TenantAsync();
        await LookAsync();
        (await PlaceAsync(second)).ShouldBe(other);
        conflicts.Tags.ShouldBe(["NotOffered"]);
    }

    [Fact]
    public async Task Two_replicas_sell_everything_once()
    {
        await NodesAsync(4);
        Guid[] tenants = await TenantsAsync(40, cores: 2);
        await using var other = CreateServices(new SchedulerOptions { Replica = "other", Batch = 8 });
        Options.Batch = 8;
        async Task DrainAsync(TenantRound round)
        {
            while (await round.RunAsync(Cancel))
            {
            }
        }

        await Task.WhenAll(DrainAsync(Get<TenantRound>()), DrainAsync((TenantRound)other.GetService(typeof(TenantRound))!));
        await LaterAsync();
        // 64 cores hold 32 tenants of two.
        (await Database.QueryAsync<long>("SELECT count(*) FROM placements WHERE tenant_id = ANY ($1)", tenants)).ShouldBe(32);
        (await Database.QueryAsync<long>("SELECT count(*) FROM core_allocations")).ShouldBe(64);
        (await Database.QueryAsync<long>("SELECT count(*) FROM tenant_lifecycles WHERE state = 'Pending' AND reason LIKE '4 nodes: 4 %'")).ShouldBe(8);
    }

    [Fact]
    public async Task A_quota_refuses_with_its_figures()
    {
        await NodesAsync(1);
        Guid tenant = await TenantAsync(cores: 4);
        await Database.ExecuteAsync("INSERT INTO project_quotas (project_id, cores) VALUES ($1, 3)", await ProjectAsync());
        await LookAsync();
        (await StateAsync(tenant)).ShouldBe(TenantState.Pending);
        (await ReasonAsync(tenant)).ShouldContain("exceed the project's quota of 3");
    }

    [Fact]
    public async Task The_more_important_tenant_is_placed_first()
    {
        await NodesAsync(1);
        Guid low = await TenantAsync(cores: 16, priority: -5), high = await TenantAsync(cores: 16, priority: 0);
        await LookAsync();
        (await StateAsync(high)).ShouldBe(TenantState.Placed);
        (await StateAsync(low)).ShouldBe(TenantState.Pending);
    }

    [Fact]
    public async Task A_more_important_tenant_displaces_one_that_is_stopped_first_and_then_looks_for_another_place()
    {
        Guid[] nodes = await NodesAsync(1);
        Guid low = await TenantAsync(cores: 16);
        await RunAsync(low);
        Guid high = await TenantAsync(cores: 8, priority: 10);
        await LookAsync();
        (await StateAsync(low)).ShouldBe(TenantState.Stopping);
        (await ReasonAsync(low)).ShouldContain("makes room for tenant");
        (await StateAsync(high)).ShouldBe(TenantState.Pending);
        (await ReasonAsync(high)).ShouldContain("waits for 1 tenant of lower priority on node-0 to stop");
        (await PlaceAsync(low)).ShouldBe(nodes[0]);
        // Nothing is taken before the agent has said that it no longer runs.
        await SeenAsync(low, PartitionPhase.Scrubbing);
        await LaterAsync();
        (await StateAsync(high)).ShouldBe(TenantState.Pending);
        await SeenAsync(low, PartitionPhase.Absent);
        await LaterAsync();
        (await PlaceAsync(high)).ShouldBe(nodes[0]);
        (await StateAsync(low)).ShouldBe(TenantState.Pending);
        (await TimelineAsync(low)).ShouldBe(["Pending", "Placed", "Loading", "Starting", "Running", "Stopping", "Pending"]);
    }

    [Fact]
    public async Task Members_of_an_anti_affinity_group_are_kept_apart_and_the_refusal_says_so()
    {
        await NodesAsync(2);
        Guid[] tenants = await TenantsAsync(3);
        await Database.ExecuteAsync("INSERT INTO placement_groups (id, project_id, name, rule, scope) SELECT gen_random_uuid(), $1, 'spread', 'AntiAffinity', 'Node'", await ProjectAsync());
        await Database.ExecuteAsync("INSERT INTO placement_group_members (group_id, tenant_id) SELECT g.id, t FROM placement_groups g, unnest($1) t", tenants);
        await LookAsync();
        Guid[] places = [.. await Database.ListAsync<Guid>("SELECT node_id FROM placements")];
        places.Length.ShouldBe(2);
        places.Distinct().Count().ShouldBe(2);
        (await Database.QueryAsync<string>("SELECT reason FROM tenant_lifecycles WHERE state = 'Pending'")).ShouldContain("spread");
    }

    [Fact]
    public async Task Threads_of_a_core_go_together()
    {
        await NodesAsync(1, new NodeShape { ThreadsPerCore = 2 });
        Guid even = await TenantAsync(cores: 4), odd = await TenantAsync(cores: 3);
        await LookAsync();
        (await Database.QueryAsync<long>("SELECT count(DISTINCT c.physical_core) FROM core_allocations a JOIN node_cores c USING (node_id, apic_id) WHERE a.tenant_id = $1", even)).ShouldBe(2);
        (await StateAsync(odd)).ShouldBe(TenantState.Pending);
        (await ReasonAsync(odd)).ShouldBe("1 node: 1 have cores of 2 threads, of which 3 is no whole number");
    }

    [Fact]
    public async Task A_node_whose_rows_contradict_each_other_does_not_stop_the_others()
    {
        Guid[] nodes = await NodesAsync(2);
        await Database.ExecuteAsync("UPDATE node_cores SET physical_core = 0 WHERE node_id = $1", nodes[0]);
        Guid tenant = await TenantAsync();
        await LookAsync();
        (await PlaceAsync(tenant)).ShouldBe(nodes[1]);
    }
}
