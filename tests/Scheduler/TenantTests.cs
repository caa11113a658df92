using Osv.Data.Lifecycles;
using Osv.Data.Tenants;

namespace Osv.Scheduler.Tests;

/// <summary>Lifecycles of tenants follow what is wanted and what agents report.</summary>
public sealed class TenantTests(DatabaseFixture fixture) : SchedulerTest(fixture)
{
    [Fact]
    public async Task A_tenant_follows_its_agent_until_it_runs()
    {
        await NodesAsync(1);
        Guid tenant = await TenantAsync();
        await LookAsync();
        foreach ((PartitionPhase phase, TenantState state) in new[]
        {
            (PartitionPhase.Fetching, TenantState.Loading), (PartitionPhase.Loading, TenantState.Loading), (PartitionPhase.Starting, TenantState.Starting), (PartitionPhase.Running, TenantState.Running),
        })
        {
            await SeenAsync(tenant, phase);
            await LookAsync();
            (await StateAsync(tenant)).ShouldBe(state);
        }
        (await TimelineAsync(tenant)).ShouldBe(["Pending", "Placed", "Loading", "Starting", "Running"]);
        (await ReasonAsync(tenant)).ShouldBe("runs on node-0");
    }

    [Theory]
    [InlineData(PartitionPhase.Fetching, "debian-12: connection refused; trying again", "node-0 loads its image: debian-12: connection refused; trying again")]
    [InlineData(PartitionPhase.Loading, "its network is being set up", "node-0: its network is being set up")]
    [InlineData(PartitionPhase.Loading, null, "node-0 loads its image")]
    public async Task What_a_start_waits_for_is_said_and_is_nobodys_fault(PartitionPhase phase, string? awaited, string reason)
    {
        await NodesAsync(1);
        Guid tenant = await TenantAsync();
        await LookAsync();
        await SeenAsync(tenant, phase, awaited);
        await LookAsync();
        (await ReasonAsync(tenant)).ShouldBe(reason);
        await Database.ExecuteAsync("UPDATE tenant_lifecycles SET deadline_at = clock_timestamp()");
        await LaterAsync();
        (await StateAsync(tenant)).ShouldBe(TenantState.Loading, "however long it takes");
        (await ReasonAsync(tenant)).ShouldStartWith(reason);
        (await Database.QueryAsync<long>("SELECT count(*) FROM node_health_reports")).ShouldBe(0);
    }

    [Fact]
    public async Task States_that_were_missed_are_in_the_timeline_all_the_same()
    {
        await NodesAsync(1);
        Guid tenant = await TenantAsync();
        await RunAsync(tenant);
        (await TimelineAsync(tenant)).ShouldBe(["Pending", "Placed", "Loading", "Starting", "Running"]);
    }

    [Fact]
    public async Task A_report_on_an_earlier_placement_counts_for_nothing()
    {
        await NodesAsync(1);
        Guid tenant = await TenantAsync();
        await LookAsync();
        await SeenAsync(tenant, PartitionPhase.Running);
        await Database.ExecuteAsync("UPDATE tenant_observed SET fence = fence - 1");
        await LaterAsync();
        (await StateAsync(tenant)).ShouldBe(TenantState.Placed);
    }

    [Theory]
    [InlineData(PartitionPhase.Running)]
    [InlineData(PartitionPhase.Stopping)]
    [InlineData(PartitionPhase.Scrubbing)]
    [InlineData(PartitionPhase.Stopped)]
    public async Task A_stopped_tenant_keeps_its_place_until_its_agent_vouches_that_it_is_gone(PartitionPhase phase)
    {
        Guid[] nodes = await NodesAsync(1);
        Guid tenant = await TenantAsync();
        await RunAsync(tenant);
        await IntentAsync(tenant, "Stop");
        await LookAsync();
        await SeenAsync(tenant, phase);
        await LaterAsync();
        (await StateAsync(tenant)).ShouldBe(TenantState.Stopping);
        (await PlaceAsync(tenant)).ShouldBe(nodes[0]);
        await SeenAsync(tenant, PartitionPhase.Absent);
        await LookAsync();
        (await StateAsync(tenant)).ShouldBe(TenantState.Stopped);
        (await PlaceAsync(tenant)).ShouldBe(Guid.Empty);
        (await ReasonAsync(tenant)).ShouldBe("stopped by owner");
    }

    [Fact]
    public async Task A_stopped_tenant_that_is_started_again_waits_for_a_place()
    {
        await NodesAsync(1);
        Guid tenant = await TenantAsync();
        await IntentAsync(tenant, "Stop");
        await LookAsync();
        (await StateAsync(tenant)).ShouldBe(TenantState.Stopped);
        await IntentAsync(tenant, "Run");
        await LookAsync();
        (await StateAsync(tenant)).ShouldBe(TenantState.Placed);
    }

    [Fact]
    public async Task A_deleted_tenant_is_stopped_first_and_then_gone()
    {
        await NodesAsync(1);
        Guid tenant = await TenantAsync();
        await RunAsync(tenant);
        await IntentAsync(tenant, "Delete");
        await LookAsync();
        (await StateAsync(tenant)).ShouldBe(TenantState.Stopping);
        await SeenAsync(tenant, PartitionPhase.Absent);
        await LookAsync();
        await LookAsync();
        (await Database.QueryAsync<long>("SELECT (SELECT count(*) FROM tenants) + (SELECT count(*) FROM placements) + (SELECT count(*) FROM core_allocations)")).ShouldBe(0);
    }

    [Theory]
    [InlineData("Panic", new[] { "Running", "Crashed", "Loading", "Starting", "Running" })]
    [InlineData("TripleFault", new[] { "Running", "Crashed", "Loading", "Starting", "Running" })]
    [InlineData("Reset", new[] { "Running", "Stopping", "Loading", "Starting", "Running" })]
    public async Task An_end_that_was_over_before_anybody_saw_it_is_in_the_timeline_all_the_same(string lastEnd, string[] expected)
    {
        await NodesAsync(1);
        Guid tenant = await TenantAsync();
        await RunAsync(tenant);
        await SeenAsync(tenant, PartitionPhase.Running);
        await Database.ExecuteAsync("UPDATE tenant_observed SET restarts = 1, last_end = $1", lastEnd);
        await LookAsync();
        await LaterAsync();
        (await TimelineAsync(tenant)).TakeLast(5).ShouldBe(expected);
        (await Database.QueryAsync<int>("SELECT restarts FROM tenant_lifecycles")).ShouldBe(1);
        await LaterAsync();
        (await TimelineAsync(tenant)).TakeLast(5).ShouldBe(expected, "it is shown once");
    }

    [Fact]
    public async Task A_restart_that_was_seen_coming_counts_once()
    {
        await NodesAsync(1);
        Guid tenant = await TenantAsync();
        await RunAsync(tenant);
        await SeenAsync(tenant, PartitionPhase.BackingOff, "TripleFault");
        await LookAsync();
        await SeenAsync(tenant, PartitionPhase.Running);
        await Database.ExecuteAsync("UPDATE tenant_observed SET restarts = 1, last_end = 'TripleFault'");
        await LookAsync();
        await LaterAsync();
        (await StateAsync(tenant)).ShouldBe(TenantState.Running);
        (await Database.QueryAsync<int>("SELECT restarts FROM tenant_lifecycles")).ShouldBe(1);
    }

    [Theory]
    [InlineData("Always", "TripleFault", TenantState.Crashed)]
    [InlineData("Always", "PowerOff", TenantState.Crashed)]
    [InlineData("OnFailure", "TripleFault", TenantState.Crashed)]
    [InlineData("OnFailure", "PowerOff", TenantState.Stopped)]
    [InlineData("Never", "TripleFault", TenantState.Failed)]
    [InlineData("Never", "PowerOff", TenantState.Stopped)]
    public async Task What_follows_an_end_is_the_restart_policys_matter(string policy, string cause, TenantState expected)
    {
        await NodesAsync(1);
        Guid tenant = await TenantAsync(policy: policy);
        await RunAsync(tenant);
        await SeenAsync(tenant, PartitionPhase.Stopped, cause);
        await LookAsync();
        (await StateAsync(tenant)).ShouldBe(expected);
        (await ReasonAsync(tenant)).ShouldContain(cause);
        // What is not restarted stays down until its owner says otherwise.
        await LookAsync();
        (await StateAsync(tenant)).ShouldBe(expected);
        (await PlaceAsync(tenant) == Guid.Empty).ShouldBe(expected != TenantState.Crashed);
    }

    [Fact]
    public async Task A_restart_waits_out_its_back_off_and_asks_the_agent_once()
    {
        await NodesAsync(1);
        Guid tenant = await TenantAsync();
        await RunAsync(tenant);
        await SeenAsync(tenant, PartitionPhase.Stopped, "TripleFault");
        await LookAsync();
        await LaterAsync();
        (await StateAsync(tenant)).ShouldBe(TenantState.Crashed);
        (await Database.QueryAsync<bool>("SELECT due_at > clock_timestamp() + interval '50 minutes' FROM tenant_lifecycles")).ShouldBeTrue();
        Options.Tenants.FirstRestart = TimeSpan.Zero;
        await LaterAsync();
        (await StateAsync(tenant)).ShouldBe(TenantState.Loading);
        (await Database.QueryAsync<int>("SELECT reboots FROM tenant_desired")).ShouldBe(1);
        (await Database.QueryAsync<int>("SELECT restarts FROM tenant_lifecycles")).ShouldBe(1);
        // The agent has not acted yet: its old report is no second end.
        await LaterAsync();
        (await Database.QueryAsync<int>("SELECT reboots FROM tenant_desired")).ShouldBe(1);
        await SeenAsync(tenant, PartitionPhase.Running);
        await LookAsync();
        (await StateAsync(tenant)).ShouldBe(TenantState.Running);
    }

    [Fact]
    public async Task A_tenant_that_crashes_too_often_is_given_up_and_can_be_started_again()
    {
        Options.Tenants.FirstRestart = TimeSpan.Zero;
        Options.Tenants.MostCrashes = 3;
        await NodesAsync(1);
        Guid tenant = await TenantAsync();
        await RunAsync(tenant);
        for (int crash = 0; crash < 3; crash++)
        {
            await SeenAsync(tenant, PartitionPhase.Stopped, "TripleFault");
            await LookAsync();
            if (crash == 2) break;
            await LaterAsync();
            await SeenAsync(tenant, PartitionPhase.Running);
            await LookAsync();
        }
        (await StateAsync(tenant)).ShouldBe(TenantState.Failed);
        (await ReasonAsync(tenant)).ShouldContain("3 times within 60 min: given up");
        (await PlaceAsync(tenant)).ShouldBe(Guid.Empty);
        await IntentAsync(tenant, "Run");
        await RunAsync(tenant);
        Options.Tenants.FirstRestart = TimeSpan.FromHours(1);
        await SeenAsync(tenant, PartitionPhase.Stopped, "TripleFault");
        await LookAsync();
        (await StateAsync(tenant)).ShouldBe(TenantState.Crashed);
        (await Database.QueryAsync<int>("SELECT restarts FROM tenant_lifecycles")).ShouldBe(1);
    }

    [Fact]
    public async Task A_restart_by_the_agent_is_followed_and_counted()
    {
        await NodesAsync(1);
        Guid tenant = await TenantAsync();
        await RunAsync(tenant);
        await SeenAsync(tenant, PartitionPhase.BackingOff, "TripleFault");
        await LookAsync();
        await SeenAsync(tenant, PartitionPhase.Running);
        await LookAsync();
        (await TimelineAsync(tenant)).ShouldBe(["Pending", "Placed", "Loading", "Starting", "Running", "Crashed", "Loading", "Starting", "Running"]);
        (await Database.QueryAsync<int>("SELECT restarts FROM tenant_lifecycles")).ShouldBe(1);
        (await Database.QueryAsync<int>("SELECT reboots FROM tenant_desired")).ShouldBe(0);
    }

    [Fact]
    public async Task A_reboot_keeps_the_place()
    {
        Guid[] nodes = await NodesAsync(1);
        Guid tenant = await TenantAsync();
        await RunAsync(tenant);
        long fence = await Database.QueryAsync<long>("SELECT fence FROM placements");
        await Database.ExecuteAsync("UPDATE tenant_desired SET reboots = 1");
        await SeenAsync(tenant, PartitionPhase.Stopping, reboots: 0);
        await LaterAsync();
        (await StateAsync(tenant)).ShouldBe(TenantState.Running);
        await SeenAsync(tenant, PartitionPhase.Loading, reboots: 1);
        await LookAsync();
        await SeenAsync(tenant, PartitionPhase.Running, reboots: 1);
        await LookAsync();
        (await TimelineAsync(tenant)).ShouldBe(["Pending", "Placed", "Loading", "Starting", "Running", "Stopping", "Loading", "Starting", "Running"]);
        (await Database.QueryAsync<long>("SELECT fence FROM placements")).ShouldBe(fence);
        (await PlaceAsync(tenant)).ShouldBe(nodes[0]);
    }

    [Fact]
    public async Task A_hung_tenant_is_named_and_rebooted_when_it_does_not_recover()
    {
        await NodesAsync(1);
        Guid tenant = await TenantAsync();
        await RunAsync(tenant);
        await Database.ExecuteAsync("INSERT INTO tenant_health_reports (tenant_id, source, summary, prevents_state_changes, suppresses_alerts, observed_at) VALUES ($1, 'core-progress', 'core 3 stands still', false, false, now())", tenant);
        await LookAsync();
        (await StateAsync(tenant)).ShouldBe(TenantState.Hung);
        (await ReasonAsync(tenant)).ShouldBe("core 3 stands still");
        await Database.ExecuteAsync("UPDATE tenant_lifecycles SET deadline_at = clock_timestamp()");
        await LaterAsync();
        (await StateAsync(tenant)).ShouldBe(TenantState.Crashed);
        (await Database.QueryAsync<int>("SELECT reboots FROM tenant_desired")).ShouldBe(1);
    }

    [Fact]
    public async Task A_stalled_step_says_what_it_waits_for()
    {
        await NodesAsync(1);
        Guid tenant = await TenantAsync();
        await LookAsync();
        await Database.ExecuteAsync("UPDATE tenant_lifecycles SET deadline_at = clock_timestamp(), due_at = clock_timestamp()");
        await LookAsync();
        (await StateAsync(tenant)).ShouldBe(TenantState.Placed);
        (await ReasonAsync(tenant)).ShouldBe("placed on node-0: waits for its agent to begin; overdue: still nothing was heard");
    }

    [Fact]
    public async Task A_tenant_that_an_agent_goes_on_refusing_is_placed_elsewhere()
    {
        Guid[] nodes = await NodesAsync(2);
        Guid tenant = await TenantAsync();
        await LookAsync();
        Guid first = await PlaceAsync(tenant);
        await SeenAsync(tenant, PartitionPhase.Refused, "core 2 is not free");
        await LookAsync();
        (await ReasonAsync(tenant)).ShouldBe("the agent of node-" + Array.IndexOf(nodes, first) + " refuses it: core 2 is not free");
        await Database.ExecuteAsync("UPDATE tenant_lifecycles SET deadline_at = clock_timestamp()");
        await LaterAsync();
        await SeenAsync(tenant, PartitionPhase.Absent);
        await LookAsync();
        (await StateAsync(tenant)).ShouldBe(TenantState.Placed);
        (await PlaceAsync(tenant)).ShouldNotBe(first);
    }

    [Fact]
    public async Task A_tenant_that_boots_on_no_node_fails_at_once_and_gives_its_place_back()
    {
        await NodesAsync(1);
        Guid tenant = await TenantAsync();
        await LookAsync();
        await SeenAsync(tenant, PartitionPhase.Invalid, "the kernel file is cut short");
        await LookAsync();
        (await StateAsync(tenant)).ShouldBe(TenantState.Stopping);
        await SeenAsync(tenant, PartitionPhase.Absent);
        await LookAsync();
        (await StateAsync(tenant)).ShouldBe(TenantState.Failed);
        (await ReasonAsync(tenant)).ShouldBe("it boots on no node, says the agent of node-0: the kernel file is cut short");
        (await Database.QueryAsync<long>("SELECT count(*) FROM placements")).ShouldBe(0);
        await LaterAsync();
        await LookAsync();
        (await StateAsync(tenant)).ShouldBe(TenantState.Failed, "only its owner starts it again");
    }

    [Fact]
    public async Task A_report_that_prevents_changes_is_heeded()
    {
        await NodesAsync(1);
        Guid tenant = await TenantAsync();
        await RunAsync(tenant);
        await Database.ExecuteAsync("INSERT INTO tenant_health_reports (tenant_id, source, summary, prevents_state_changes, suppresses_alerts, observed_at) VALUES ($1, 'operator', 'under investigation', true, false, now())", tenant);
        await SeenAsync(tenant, PartitionPhase.Stopped, "TripleFault");
        await LookAsync();
        (await StateAsync(tenant)).ShouldBe(TenantState.Running);
        (await ReasonAsync(tenant)).ShouldBe("changes are prevented by operator: under investigation");
    }
}
