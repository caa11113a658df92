using System.Text.Json;

namespace Osv.Web.Tests;

public sealed class JobTests(Site site)
{
    [Fact]
    public async Task A_job_holds_its_template_and_a_place_for_each_replica()
    {
        string project = await site.NewProjectAsync(), image = await site.NewImageAsync(project);
        Answer made = await SubmitAsync(project, "batch", replicas: 3);
        made.Status.ShouldBe(201, made.Text);
        made.Json.GetProperty("state").GetString().ShouldBe("Active");
        made.Json.GetProperty("tenants").GetArrayLength().ShouldBe(3);
        made.Json.GetProperty("specification").GetProperty("template").GetProperty("image").GetString().ShouldBe(image, "the image is fixed when the job is submitted");
        made.Json.GetProperty("specification").GetProperty("constraints").GetProperty("numa").GetString().ShouldBe("OneCell");
        (await SubmitAsync(project, "batch", 1)).Status.ShouldBe(409);
    }

    [Fact]
    public async Task Explain_gives_the_last_attempt_of_each_tenant()
    {
        string project = await site.NewProjectAsync();
        await site.NewImageAsync(project);
        Guid job = (await SubmitAsync(project, "explained", 1)).Json.GetProperty("id").GetGuid();
        Guid tenant = await site.NewTenantAsync(project, "explained-0");
        foreach (string summary in new[] { "2 nodes: 2 drained", "2 nodes: 2 lack 16 free cores" })
        {
            await site.Database.ExecuteAsync("INSERT INTO placement_explanations (tenant_id, job_id, placed, summary, detail, at) VALUES ($1, $2, false, $3, '{\"nodes\":2}', now())", tenant, job, summary);
        }
        Answer explained = await site.Administrator.GetAsync($"/api/v1/jobs/explained/explain?project={project}");
        explained.Json.EnumerateArray().Single().GetProperty("summary").GetString().ShouldBe("2 nodes: 2 lack 16 free cores");
        explained.Json[0].GetProperty("detail").GetProperty("nodes").GetInt32().ShouldBe(2);
    }

    [Fact]
    public async Task A_cancelled_job_says_who_cancelled_it()
    {
        string project = await site.NewProjectAsync();
        await site.NewImageAsync(project);
        await SubmitAsync(project, "unwanted", 1);
        Answer cancelled = await site.Administrator.PostAsync($"/api/v1/jobs/unwanted/cancel?project={project}");
        cancelled.Json.GetProperty("state").GetString().ShouldBe("Cancelled");
        cancelled.Json.GetProperty("reason").GetString()!.ShouldContain("admin");
    }

    [Fact]
    public async Task A_replica_must_pass_as_a_tenant()
    {
        Answer refused = await site.Administrator.PostAsync("/api/v1/jobs", new { name = "bad", replicas = 0, template = new { image = "linux", cores = 0, memoryBytes = 5 } });
        refused.Status.ShouldBe(400);
        refused.Json.GetProperty("errors").GetProperty("replicas")[0].GetString()!.ShouldContain("10000");
        refused.Json.GetProperty("errors").GetProperty("template.cores")[0].GetString()!.ShouldContain("1024");
    }

    [Fact]
    public async Task A_scheduled_job_waits_for_its_calendar_and_can_be_paused_and_moved()
    {
        string project = await site.NewProjectAsync();
        await site.NewImageAsync(project);
        Answer made = await ScheduledAsync(project, "nightly", "30 2 * * *", "Europe/Berlin");
        made.Status.ShouldBe(201, made.Text);
        made.Json.GetProperty("reason").GetString().ShouldBe("waits for its first run");
        JsonElement schedule = made.Json.GetProperty("schedule");
        schedule.GetProperty("timeZone").GetString().ShouldBe("Europe/Berlin");
        schedule.GetProperty("lastRunAt").ValueKind.ShouldBe(JsonValueKind.Null);
        TimeZoneInfo berlin = TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin");
        DateTimeOffset[] runs = [.. made.Json.GetProperty("nextRuns").EnumerateArray().Select(run => run.GetDateTimeOffset())];
        runs.Length.ShouldBe(5);
        runs[0].ShouldBe(schedule.GetProperty("nextRunAt").GetDateTimeOffset());
        runs.ShouldAllBe(run => TimeZoneInfo.ConvertTime(run, berlin).TimeOfDay == new TimeSpan(2, 30, 0));
        Answer paused = await site.Administrator.PutAsync($"/api/v1/jobs/nightly/schedule?project={project}", new { cron = "0 4 * * 1", timeZone = "UTC", paused = true }, ("If-Match", made.Tag ?? ""));
        paused.Status.ShouldBe(200, paused.Text);
        paused.Json.GetProperty("schedule").GetProperty("paused").GetBoolean().ShouldBeTrue();
        paused.Json.GetProperty("schedule").GetProperty("nextRunAt").GetDateTimeOffset().DayOfWeek.ShouldBe(DayOfWeek.Monday);
        paused.Json.GetProperty("nextRuns").GetArrayLength().ShouldBe(0);
        // Between two runs it is Completed, and still may be ended.
        await site.Database.ExecuteAsync("UPDATE placement_jobs SET state = 'Completed' WHERE id = $1", made.Json.GetProperty("id").GetGuid());
        (await site.Administrator.PostAsync($"/api/v1/jobs/nightly/cancel?project={project}")).Status.ShouldBe(200);
        (await site.Administrator.PutAsync($"/api/v1/jobs/nightly/schedule?project={project}", new { cron = "0 4 * * 1" })).Detail.ShouldContain("cancelled");
    }

    [Theory]
    [InlineData("every night", "UTC", "five fields")]
    [InlineData("* * * * * *", "UTC", "five fields")]
    [InlineData("0 2 * * *", "Mars/Olympus", "time zone 'Mars/Olympus'")]
    [InlineData("0 2 30 2 *", "UTC", "never comes")]
    [InlineData("", "UTC", "give a cron expression")]
    public async Task A_schedule_that_cannot_be_is_explained(string cron, string timeZone, string says)
    {
        string project = await site.NewProjectAsync();
        await site.NewImageAsync(project);
        Answer refused = await ScheduledAsync(project, "odd", cron, timeZone);
        refused.Status.ShouldBe(400, refused.Text);
        refused.Json.GetProperty("errors").GetProperty("schedule.cron")[0].GetString()!.ShouldContain(says);
    }

    [Fact]
    public async Task A_job_without_a_schedule_gets_none_later()
    {
        string project = await site.NewProjectAsync();
        await site.NewImageAsync(project);
        await SubmitAsync(project, "once", 1);
        (await site.Administrator.PutAsync($"/api/v1/jobs/once/schedule?project={project}", new { cron = "0 4 * * 1" })).Detail.ShouldContain("runs once");
    }

    private Task<Answer> ScheduledAsync(string project, string name, string cron, string timeZone) =>
        site.Administrator.PostAsync("/api/v1/jobs", new { name, project, template = new { image = "linux", cores = 2, memoryBytes = 1L << 30 }, schedule = new { cron, timeZone } });

    private Task<Answer> SubmitAsync(string project, string name, int replicas) =>
        site.Administrator.PostAsync("/api/v1/jobs", new { name, project, replicas, gang = true, template = new { image = "linux", cores = 2, memoryBytes = 1L << 30 }, constraints = new { numa = "OneCell" } });
}
