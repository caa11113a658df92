using Osv.Data.Jobs;
using Osv.Data.Lifecycles;
using Osv.Data.Tenants;
using Osv.Scheduler.Jobs;

namespace Osv.Scheduler.Tests;

/// <summary>Placement jobs from submission to their end.</summary>
public sealed class JobTests(DatabaseFixture fixture) : SchedulerTest(fixture)
{
    [Fact]
    public async Task A_job_gets_its_tenants_and_tells_how_they_fare()
    {
        await NodesAsync(1);
        Guid job = await SubmitAsync(3);
        await JobsAsync();
        Guid[] tenants = await ReplicasAsync(job);
        tenants.Length.ShouldBe(3);
        (await Database.ListAsync<string>("SELECT name FROM tenants ORDER BY name")).ShouldBe(["job-0", "job-1", "job-2"]);
        (await Database.ListAsync<string>("SELECT content FROM tenant_user_data")).ShouldBe(["#!/bin/sh", "#!/bin/sh", "#!/bin/sh"]);
        await RunAsync(tenants);
        await JobsAsync();
        (await JobAsync(job)).ShouldBe((JobState.Active, "3 of 3 replicas placed, 3 running"));
        (await Database.QueryAsync<long>("SELECT count(*) FROM placement_explanations WHERE job_id = $1 AND placed", job)).ShouldBe(3);
    }

    [Fact]
    public async Task A_gang_is_placed_whole_or_not_at_all()
    {
        await NodesAsync(1);
        Guid job = await SubmitAsync(3, cores: 8, gang: true);
        await JobsAsync();
        await LookAsync();
        (await Database.QueryAsync<long>("SELECT count(*) FROM placements")).ShouldBe(0);
        (await ReasonAsync((await ReplicasAsync(job))[2])).ShouldStartWith("2 of 3 replicas fit; for the next, 1 node: 1 ");
        await JobsAsync();
        (await JobAsync(job)).Reason.ShouldContain("0 of 3 replicas placed, 0 running; one waits because 2 of 3 replicas fit");
        await NodesAsync(1, prefix: "other");
        await LaterAsync();
        (await Database.QueryAsync<long>("SELECT count(*) FROM placements")).ShouldBe(3);
    }

    [Fact]
    public async Task A_gang_of_which_one_plan_meets_a_conflict_gets_nothing()
    {
        Guid[] nodes = await NodesAsync(2);
        await TenantAsync(cores: 64);
        await LookAsync();
        // The cached inventory does not know that one node has a core less by now.
        await Database.ExecuteAsync("UPDATE node_cores SET reserved = true WHERE node_id = $1 AND apic_id = 0", nodes[1]);
        Guid job = await SubmitAsync(2, cores: 16, gang: true);
        await JobsAsync();
        await LookAsync();
        (await Database.QueryAsync<long>("SELECT count(*) FROM placements")).ShouldBe(0);
        (await ReasonAsync((await ReplicasAsync(job))[0])).ShouldStartWith("1 of 2 replicas fit");
    }

    [Fact]
    public async Task Required_rules_of_a_job_hold_in_the_commit()
    {
        await NodesAsync(3);
        Guid job = await SubmitAsync(3, constraints: new JobConstraints { Groups = ["web"], Affinity = [new GroupConstraint("web", GroupRule.AntiAffinity)] });
        await JobsAsync();
        await LookAsync();
        (await Database.QueryAsync<long>("SELECT count(DISTINCT node_id) FROM placements")).ShouldBe(3);
        (await Database.QueryAsync<long>("SELECT count(*) FROM placement_group_claims")).ShouldBe(3);
        (await ReplicasAsync(job)).Length.ShouldBe(3);
    }

    [Fact]
    public async Task Labels_of_nodes_bind_a_job()
    {
        Guid[] nodes = await NodesAsync(2);
        await Database.ExecuteAsync("UPDATE nodes SET labels = '{\"disk\":\"fast\"}' WHERE id = $1", nodes[1]);
        await SubmitAsync(1, constraints: new JobConstraints { Labels = new Dictionary<string, string> { ["disk"] = "fast" } });
        await JobsAsync();
        await LookAsync();
        (await Database.ListAsync<Guid>("SELECT node_id FROM placements")).ShouldBe([nodes[1]]);
    }

    [Fact]
    public async Task A_job_that_is_not_placed_by_its_deadline_fails_and_takes_its_tenants_away()
    {
        await NodesAsync(1);
        Guid job = await SubmitAsync(2, cores: 16);
        await JobsAsync();
        await LookAsync();
        await Database.ExecuteAsync("UPDATE placement_jobs SET deadline_at = clock_timestamp()");
        await JobsAsync();
        (JobState state, string reason) = await JobAsync(job);
        state.ShouldBe(JobState.Failed);
        reason.ShouldStartWith("1 of 2 replicas were placed by its deadline; one waits because 1 node: 1 ");
        (await Database.ListAsync<string>("SELECT DISTINCT intent FROM tenant_desired")).ShouldBe(["Delete"]);
    }

    [Fact]
    public async Task A_jobs_tenants_go_when_their_time_is_over()
    {
        await NodesAsync(1);
        Guid job = await SubmitAsync(1);
        await Database.ExecuteAsync("UPDATE placement_jobs SET time_to_live_seconds = 60");
        await JobsAsync();
        Guid tenant = (await ReplicasAsync(job))[0];
        await RunAsync(tenant);
        await JobsAsync();
        (await JobAsync(job)).State.ShouldBe(JobState.Active);
        await Database.ExecuteAsync("ALTER TABLE tenant_transitions DISABLE TRIGGER kept_by_triggers; UPDATE tenant_transitions SET at = at - interval '61 s'; ALTER TABLE tenant_transitions ENABLE TRIGGER kept_by_triggers");
        await JobsAsync();
        (await JobAsync(job)).ShouldBe((JobState.Completed, "its time to live is over"));
        await LookAsync();
        await SeenAsync(tenant, PartitionPhase.Absent);
        await LookAsync();
        await LookAsync();
        await JobsAsync();
        (await Database.QueryAsync<long>("SELECT count(*) FROM tenants")).ShouldBe(0);
    }

    [Fact]
    public async Task A_cancelled_job_takes_its_tenants_away()
    {
        await NodesAsync(1);
        await SubmitAsync(2);
        await JobsAsync();
        await Database.ExecuteAsync("UPDATE placement_jobs SET state = 'Cancelled', reason = 'cancelled by owner'");
        await JobsAsync();
        await LookAsync();
        (await Database.QueryAsync<long>("SELECT count(*) FROM tenants")).ShouldBe(0);
        (await Database.QueryAsync<string>("SELECT reason FROM placement_jobs")).ShouldBe("cancelled by owner");
    }

    [Fact]
    public async Task A_job_whose_tenants_ended_is_over()
    {
        await NodesAsync(1);
        Guid job = await SubmitAsync(1, restart: RestartPolicy.OnFailure);
        await JobsAsync();
        Guid tenant = (await ReplicasAsync(job))[0];
        await RunAsync(tenant);
        await SeenAsync(tenant, PartitionPhase.Stopped, "PowerOff");
        await LookAsync();
        await JobsAsync();
        (await JobAsync(job)).ShouldBe((JobState.Completed, "all 1 replicas ended"));
    }

    [Fact]
    public async Task A_job_that_cannot_be_filled_fails_with_the_reason()
    {
        Guid job = await SubmitAsync(1, image: Guid.NewGuid().ToString());
        await JobsAsync();
        (JobState state, string reason) = await JobAsync(job);
        state.ShouldBe(JobState.Failed);
        reason.ShouldContain("there is no image");
    }

    [Fact]
    public async Task A_scheduled_job_starts_when_it_is_due_and_again_when_it_has_ended()
    {
        await NodesAsync(1);
        Guid job = await SubmitAsync(1, restart: RestartPolicy.Never);
        await ScheduleAsync(job, "clock_timestamp() + interval '1 hour'");
        await JobsAsync();
        (await JobAsync(job)).Reason.ShouldStartWith("waits for its first run at ");
        (await ReplicasAsync(job)).ShouldBeEmpty();
        await Database.ExecuteAsync("UPDATE job_schedules SET next_run_at = clock_timestamp()");
        await JobsAsync();
        Guid first = (await ReplicasAsync(job)).Single();
        (await Database.QueryAsync<bool>("SELECT next_run_at > clock_timestamp() AND extract(minute FROM next_run_at) = 30 AND last_run_at IS NOT NULL FROM job_schedules")).ShouldBeTrue();
        await RunAsync(first);
        await Database.ExecuteAsync("UPDATE job_schedules SET next_run_at = clock_timestamp()");
        await JobsAsync();
        (await ReplicasAsync(job)).ShouldBe([first]);
        await SeenAsync(first, PartitionPhase.Stopped, "PowerOff");
        await LookAsync();
        await JobsAsync();
        (await JobAsync(job)).State.ShouldBe(JobState.Completed);
        await Database.ExecuteAsync("UPDATE job_schedules SET next_run_at = clock_timestamp() + interval '1 minute'");
        await Database.ExecuteAsync("UPDATE job_schedules SET next_run_at = clock_timestamp(), last_run_at = last_run_at - interval '1 day'");
        await Database.ExecuteAsync("UPDATE tenants SET name = 'earlier'");
        await JobsAsync();
        (await ReplicasAsync(job)).Single().ShouldNotBe(first);
        (await Database.QueryAsync<string>("SELECT intent FROM tenant_desired WHERE tenant_id = $1", first)).ShouldBe("Delete");
    }

    private async Task JobsAsync() => await Get<JobRound>().RunAsync(Cancel);

    private async Task<Guid> SubmitAsync(int replicas, int cores = 2, bool gang = false, RestartPolicy restart = RestartPolicy.Always, JobConstraints? constraints = null, string? image = null)
    {
        Guid project = await ProjectAsync(), id = Guid.CreateVersion7();
        image ??= (await Database.QueryAsync<Guid>("SELECT id FROM images")).ToString();
        await using var context = Database.CreateContext();
        context.PlacementJobs.Add(new PlacementJob
        {
            Id = id, ProjectId = project, Name = "job", Replicas = replicas, Gang = gang, State = JobState.Active, Reason = "submitted", CreatedAt = DateTimeOffset.UtcNow,
            Specification = new JobSpecification(new TenantTemplate(image, cores, 2L << 30, Restart: restart, UserData: "#!/bin/sh"), constraints ?? new JobConstraints()).Write(),
        });
        context.JobReplicas.AddRange(Enumerable.Range(0, replicas).Select(ordinal => new JobReplica { JobId = id, Ordinal = ordinal }));
        await context.SaveChangesAsync(Cancel);
        return id;
    }

    private Task<int> ScheduleAsync(Guid job, string next) =>
        Database.ExecuteAsync($"INSERT INTO job_schedules (job_id, cron, time_zone, paused, next_run_at) VALUES ($1, '30 * * * *', 'UTC', false, {next})", job);

    private async Task<Guid[]> ReplicasAsync(Guid job) => [.. await Database.ListAsync<Guid>("SELECT tenant_id FROM job_replicas WHERE job_id = $1 AND tenant_id IS NOT NULL ORDER BY ordinal", job)];

    private async Task<(JobState State, string Reason)> JobAsync(Guid job) =>
        (Enum.Parse<JobState>(await Database.QueryAsync<string>("SELECT state FROM placement_jobs WHERE id = $1", job)), await Database.QueryAsync<string>("SELECT reason FROM placement_jobs WHERE id = $1", job));
}
