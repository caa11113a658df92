using Osv.Data.Tenants;

namespace Osv.Scheduler.Tests;

/// <summary>Reboots that agents make are in the timeline once, however little of them was seen.</summary>
public sealed class RebootTests(DatabaseFixture fixture) : SchedulerTest(fixture)
{
    private static readonly string[] s_run = ["Pending", "Placed", "Loading", "Starting", "Running"], s_reboot = ["Stopping", "Loading", "Starting", "Running"];

    [Fact]
    public async Task A_reboot_that_was_over_before_anybody_saw_it_is_in_the_timeline_all_the_same()
    {
        await NodesAsync(1);
        Guid tenant = await TenantAsync();
        await RunAsync(tenant);
        long fence = await Database.QueryAsync<long>("SELECT fence FROM placements");
        await RebootAsync(1);
        await SeenAsync(tenant, PartitionPhase.Running, reboots: 0);
        await LaterAsync();
        (await TimelineAsync(tenant)).ShouldBe(s_run, "its agent has not acted on it yet");
        await SeenAsync(tenant, PartitionPhase.Running);
        await LookAsync();
        (await TimelineAsync(tenant)).ShouldBe([.. s_run, .. s_reboot]);
        (await Database.ListAsync<string>("SELECT reason FROM tenant_transitions WHERE to_state = 'Stopping'")).ShouldBe(["reboots"]);
        (await Database.QueryAsync<int>("SELECT restarts FROM tenant_lifecycles")).ShouldBe(0);
        (await Database.QueryAsync<long>("SELECT fence FROM placements")).ShouldBe(fence);
        await LookAsync();
        await LaterAsync();
        (await TimelineAsync(tenant)).ShouldBe([.. s_run, .. s_reboot], "it is shown once");
    }

    [Fact]
    public async Task A_reboot_counts_only_when_the_agent_has_acted_on_all_that_were_asked_for()
    {
        await NodesAsync(1);
        Guid tenant = await TenantAsync();
        await RunAsync(tenant);
        await RebootAsync(2);
        await SeenAsync(tenant, PartitionPhase.Running, reboots: 1);
        await LookAsync();
        (await TimelineAsync(tenant)).ShouldBe(s_run, "who asked for the second would take the first for it");
        await SeenAsync(tenant, PartitionPhase.Running, reboots: 2);
        await LookAsync();
        (await TimelineAsync(tenant)).ShouldBe([.. s_run, .. s_reboot]);
    }

    [Fact]
    public async Task A_reboot_that_nobody_saw_is_shown_when_changes_are_no_longer_prevented()
    {
        await NodesAsync(1);
        Guid tenant = await TenantAsync();
        await RunAsync(tenant);
        await Database.ExecuteAsync("INSERT INTO tenant_health_reports (tenant_id, source, summary, prevents_state_changes, suppresses_alerts, observed_at) VALUES ($1, 'operator', 'under investigation', true, false, now())", tenant);
        await RebootAsync(1);
        await SeenAsync(tenant, PartitionPhase.Running);
        await LookAsync();
        (await TimelineAsync(tenant)).ShouldBe(s_run);
        await Database.ExecuteAsync("DELETE FROM tenant_health_reports");
        await LookAsync();
        (await TimelineAsync(tenant)).ShouldBe([.. s_run, .. s_reboot]);
    }

    [Theory]
    [InlineData(PartitionPhase.Loading)]
    [InlineData(PartitionPhase.Starting)]
    public async Task A_reboot_that_was_seen_coming_is_shown_once(PartitionPhase phase)
    {
        await NodesAsync(1);
        Guid tenant = await TenantAsync();
        await RunAsync(tenant);
        await RebootAsync(1);
        foreach (PartitionPhase seen in new[] { phase, PartitionPhase.Running })
        {
            await SeenAsync(tenant, seen);
            await LookAsync();
        }
        await LookAsync();
        (await TimelineAsync(tenant)).ShouldBe([.. s_run, .. s_reboot]);
    }

    [Fact]
    public async Task A_start_that_the_scheduler_asked_for_is_no_reboot_as_well()
    {
        Options.Tenants.FirstRestart = TimeSpan.Zero;
        await NodesAsync(1);
        Guid tenant = await TenantAsync();
        await RunAsync(tenant);
        await SeenAsync(tenant, PartitionPhase.Stopped, "TripleFault");
        await LookAsync();
        await LaterAsync();
        (await Database.QueryAsync<int>("SELECT reboots FROM tenant_desired")).ShouldBe(1);
        await SeenAsync(tenant, PartitionPhase.Running);
        await LookAsync();
        await LookAsync();
        (await TimelineAsync(tenant)).ShouldBe([.. s_run, "Crashed", "Loading", "Starting", "Running"]);
    }

    [Fact]
    public async Task What_was_rebooted_in_an_earlier_place_is_not_rebooted_in_the_next()
    {
        await NodesAsync(1);
        Guid tenant = await TenantAsync();
        await RunAsync(tenant);
        await RebootAsync(3);
        await IntentAsync(tenant, "Stop");
        await LookAsync();
        await SeenAsync(tenant, PartitionPhase.Absent, reboots: 0);
        await LookAsync();
        await IntentAsync(tenant, "Run");
        await LookAsync();
        // An agent that has not begun knows of no reboots.
        await SeenAsync(tenant, PartitionPhase.Fetching, reboots: 0);
        await LookAsync();
        await SeenAsync(tenant, PartitionPhase.Running);
        await LookAsync();
        await LookAsync();
        (await TimelineAsync(tenant)).ShouldBe([.. s_run, "Stopping", "Stopped", .. s_run]);
    }

    private async Task RebootAsync(int reboots) => await Database.ExecuteAsync("UPDATE tenant_desired SET reboots = $1", reboots);
}
