using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Osv.Web.Tests;

public sealed class HostTests(Site site)
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    [Fact]
    public async Task Every_answer_forbids_what_comes_from_outside()
    {
        using Api anyone = site.Anonymous();
        foreach (string path in new[] { "/sign-in", "/api/v1/tenants", "/healthz", "/no-such-page" })
        {
            Answer answer = await anyone.GetAsync(path);
            string policy = answer.Headers.GetValues("Content-Security-Policy").Single();
            policy.ShouldContain("default-src 'self'");
            policy.ShouldContain("script-src 'self';");
            policy.ShouldContain("frame-ancestors 'none'");
            answer.Headers.GetValues("X-Content-Type-Options").ShouldBe(["nosniff"]);
            answer.Headers.Contains("Server").ShouldBeFalse();
        }
    }

    [Fact]
    public async Task Errors_are_problem_documents_everywhere()
    {
        using Api anyone = site.Anonymous();
        (await anyone.GetAsync("/api/v1/tenants")).Detail.ShouldContain("token");
        (await site.Administrator.GetAsync("/api/v1/no-such-thing")).Detail.ShouldContain("no such endpoint");
        (await site.Administrator.PatchAsync("/api/v1/tenants", new { })).Status.ShouldBeOneOf(404, 405);
        (await site.Administrator.SendAsync(HttpMethod.Post, "/api/v1/tenants", new StringContent("name=x"))).Status.ShouldBe(415);
        Answer large = await site.Administrator.PostAsync("/api/v1/tenants", "\"" + new string('x', 2 << 20) + "\"");
        large.Status.ShouldBe(413);
        large.Detail.ShouldContain("1048576");
    }

    [Fact]
    public async Task Metrics_count_requests_for_those_who_may_read_them()
    {
        (await site.Administrator.GetAsync("/api/v1/me")).Status.ShouldBe(200);
        // A request is counted after its answer has left, and one reading of the counters answers for all who ask within a moment.
        await Site.UntilAsync(async () =>
        {
            Answer metrics = await site.Administrator.GetAsync("/metrics");
            metrics.Status.ShouldBe(200);
            return metrics.Text.Contains("http_server_request_duration_seconds_count", StringComparison.Ordinal);
        }, "no request was counted");
    }

    [Fact]
    public async Task Too_many_requests_are_told_to_wait()
    {
        await using WebApplication narrow = await site.StartAsync("--Osv:Limits:Burst=5", "--Osv:Limits:RequestsPerSecond=1", "--Osv:Limits:SignInsPerMinute=2");
        using var anyone = new Api(new Uri(narrow.Urls.Single()), null);
        var statuses = new List<int>();
        for (int i = 0; i < 4; i++) statuses.Add((await anyone.PostAsync("/api/v1/login", new { userName = "nobody", password = "x" })).Status);
        statuses.ShouldBe([401, 401, 429, 429]);
        Answer refused = await anyone.PostAsync("/api/v1/login", new { userName = "nobody", password = "x" });
        while (refused.Status != 429) refused = await anyone.GetAsync("/api/v1/tenants");
        refused.Headers.RetryAfter.ShouldNotBeNull();
        refused.Detail.ShouldContain("wait");
    }

    [Fact]
    public async Task Reads_wait_for_each_other_and_hold_up_nothing_else()
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        await using WebApplication narrow = await site.StartAsync("--Osv:Limits:ConcurrentReads=1", "--Osv:Limits:WaitingReads=1");
        using var program = new Api(new Uri(narrow.Urls.Single()), site.Administrator.Token);
        await using NpgsqlConnection other = await site.Services.GetRequiredService<NpgsqlDataSource>().OpenConnectionAsync(cancel);
        await using NpgsqlTransaction busy = await other.BeginTransactionAsync(cancel);
        await using (var hold = new NpgsqlCommand("LOCK TABLE placement_jobs", other)) await hold.ExecuteNonQueryAsync(cancel);

        List<Task<Answer>> reads = [.. Enumerable.Range(0, 3).Select(_ => program.GetAsync("/api/v1/jobs"))];
        Task<Answer> refused = await Task.WhenAny(reads);
        reads.Remove(refused);
        (await refused).Status.ShouldBe(503);
        (await refused).Headers.RetryAfter.ShouldNotBeNull();
        (await refused).Detail.ShouldContain("wait");
        (await program.PostAsync("/api/v1/projects", new { name = Site.Unique("project") })).Status.ShouldBe(201);
        reads.ShouldAllBe(read => !read.IsCompleted);
        await busy.CommitAsync(cancel);
        foreach (Answer read in await Task.WhenAll(reads)) read.Status.ShouldBe(200);
        (await program.GetAsync("/api/v1/jobs")).Status.ShouldBe(200);
    }

    [Fact]
    public async Task The_checked_in_description_of_the_api_is_the_present_one()
    {
        using Api anyone = site.Anonymous();
        string present = Pretty((await anyone.GetAsync("/openapi/v1.json")).Text), file = Path.Combine(Browser.Chromium.Repository, "src", "Web", "openapi.json");
        if (Environment.GetEnvironmentVariable("OSV_WRITE_OPENAPI") is not null) await File.WriteAllTextAsync(file, present, TestContext.Current.CancellationToken);
        string checkedIn = await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
        present.ShouldBe(checkedIn, "run this test with OSV_WRITE_OPENAPI=1 and commit src/Web/openapi.json");
        JsonElement.Parse(present).GetProperty("paths").EnumerateObject().Count().ShouldBeGreaterThan(30);
    }

    private static string Pretty(string json) => JsonSerializer.Serialize(JsonElement.Parse(json), Indented) + "\n";
}
