using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.Playwright;
using Npgsql;
using Osv.Database.Testing;
using Osv.Web.Tests.Browser;

namespace Osv.Web.Tests;

/// <summary>The same modules in one process and apart.</summary>
public sealed partial class CompositionTests(Site site, Chromium chromium)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task One_process_on_an_empty_database_makes_the_schema_and_the_administrator_and_places_tenants()
    {
        await using TestDatabase database = await site.NewDatabaseAsync();
        using var output = new StandardOutput();
        await using WebApplication host = await site.StartOnAsync(database, "--Osv:FirstAdministrator=first", "--Osv:Scheduler:Enabled=true");
        using Api administrator = await LoginAsync(host, PasswordIn(output.Text));
        await ExpectPlacedAsync(database, administrator);
        (await administrator.GetAsync("/readyz")).Status.ShouldBe(200);
        (await administrator.GetAsync("/metrics")).Text.ShouldContain("osv_scheduler_decisions");
        Answer dashboard = await administrator.GetAsync("/hangfire/recurring");
        dashboard.Status.ShouldBe(200);
        dashboard.Text.ShouldContain("log-partitions");
        // The server of the periodic work announces itself from a thread of its own, after the host has started.
        await Site.UntilAsync(async () => await database.QueryAsync<long>("SELECT count(*) FROM hangfire.server") == 1, "no server of the periodic work announced itself");
        await host.StopAsync(Cancel);
    }

    [Fact]
    public async Task Two_processes_that_start_together_on_an_empty_database_share_the_work()
    {
        await using TestDatabase database = await site.NewDatabaseAsync();
        using var output = new StandardOutput();
        Task<WebApplication> first = site.StartOnAsync(database, "--Osv:FirstAdministrator=first", "--Osv:Scheduler:Enabled=false");
        Task<WebApplication> second = site.StartOnAsync(database, "--Osv:Web:Enabled=false", "--Osv:Scheduler:Enabled=true");
        await using WebApplication web = await first, scheduler = await second;
        using Api administrator = await LoginAsync(web, PasswordIn(output.Text));
        await ExpectPlacedAsync(database, administrator);
        using var other = new Api(new Uri(scheduler.Urls.Single()), administrator.Token);
        (await other.GetAsync("/readyz")).Status.ShouldBe(200);
        (await other.GetAsync("/metrics")).Text.ShouldContain("osv_scheduler_decisions");
        foreach (string path in new[] { "/api/v1/tenants", "/", "/sign-in", "/hangfire", "/openapi/v1.json", "/docs" }) (await other.GetAsync(path)).Status.ShouldBe(404, path);
        await web.StopAsync(Cancel);
        await scheduler.StopAsync(Cancel);
    }

    [Fact]
    public async Task The_dashboard_of_periodic_work_is_for_administrators_and_what_they_do_there_is_on_record()
    {
        await using TestDatabase database = await site.NewDatabaseAsync();
        using var output = new StandardOutput();
        await using WebApplication host = await site.StartOnAsync(database, "--Osv:FirstAdministrator=first", "--Osv:Scheduler:Enabled=true");
        string password = PasswordIn(output.Text);
        await using Visitor visitor = await Visitor.ArriveAsync(chromium, new Uri(host.Urls.Single()));
        await visitor.SignInAsync("first", password);
        await visitor.Page.GetByRole(AriaRole.Link, new() { Name = "Maintenance" }).ClickAsync();
        await visitor.Page.WaitForURLAsync("**/hangfire");
        await visitor.PictureAsync("maintenance-light");
        await visitor.Page.GotoAsync("/hangfire/recurring");
        await visitor.Page.Locator("input[value='image-garbage']").CheckAsync();
        await visitor.PictureAsync("maintenance-recurring-light");
        await visitor.Page.RunAndWaitForResponseAsync(
            () => visitor.Page.GetByRole(AriaRole.Button, new() { Name = "Trigger now" }).ClickAsync(),
            response => response.Url.EndsWith("/hangfire/recurring/trigger", StringComparison.Ordinal) && response.Status == 204);
        visitor.ShouldBeContent();
        using Api administrator = await LoginAsync(host, password);
        JsonElement entry = (await administrator.GetAsync("/api/v1/audit?action=maintenance.change")).Json.GetProperty("items").EnumerateArray().Single();
        entry.GetProperty("subject").GetString().ShouldBe("/hangfire/recurring/trigger");
        entry.GetProperty("actor").GetString().ShouldBe("first");
        // The same from another site: the cookie alone is not enough.
        IAPIResponse forged = await visitor.Page.APIRequest.PostAsync("/hangfire/recurring/trigger", new() { Headers = new Dictionary<string, string> { ["Content-Type"] = "application/x-www-form-urlencoded" }, DataString = "jobs[]=outbox" });
        forged.Status.ShouldBeOneOf(400, 401, 403);
        await host.StopAsync(Cancel);
    }

    [Fact]
    public async Task A_request_and_what_the_scheduler_does_for_it_are_one_trace_sent_to_the_collector_that_was_named()
    {
        await using TestDatabase database = await site.NewDatabaseAsync();
        await using Collector collector = await Collector.StartAsync();
        using var output = new StandardOutput();
        await using WebApplication host = await site.StartOnAsync(database, "--Osv:FirstAdministrator=first", "--Osv:Scheduler:Enabled=true", $"--Osv:Telemetry:Otlp={collector.Address}", "--Osv:Scheduler:Poll=00:00:00.1");
        using Api administrator = await LoginAsync(host, PasswordIn(output.Text));
        await ExpectPlacedAsync(database, administrator);
        await host.StopAsync(Cancel);
        await host.DisposeAsync();
        string parent = await database.QueryAsync<string>("SELECT trace_parent FROM tenant_desired");
        byte[] trace = Convert.FromHexString(parent.Split('-')[1]);
        IReadOnlyList<string> spans = collector.SpansOf(trace);
        foreach (string part in new[] { "POST /api/v1/tenants/", "tenant.create", "tenant place" }) spans.ShouldContain(part);
    }

    [Fact]
    public async Task A_collector_that_is_no_address_is_refused_at_start()
    {
        await using TestDatabase database = await site.NewDatabaseAsync();
        InvalidOperationException wrong = await Should.ThrowAsync<InvalidOperationException>(() => site.StartOnAsync(database, "--Osv:Telemetry:Otlp=collector"));
        wrong.Message.ShouldContain("use one as http://collector:4318");
    }

    private static string PasswordIn(string output) => PrintedPassword().Match(output).Groups[1].Value;

    private static async Task<Api> LoginAsync(WebApplication host, string password)
    {
        using var anyone = new Api(new Uri(host.Urls.Single()), null);
        Answer login = await anyone.PostAsync("/api/v1/login", new { userName = "first", password });
        login.Status.ShouldBe(200, login.Text);
        return new Api(new Uri(host.Urls.Single()), login.Json.GetProperty("token").GetString());
    }

    /// <summary>Asks for a tenant over the API, gives the site a node that serves, and waits until the scheduler has placed it.</summary>
    private static async Task ExpectPlacedAsync(TestDatabase database, Api administrator)
    {
        await database.ExecuteAsync("CREATE FUNCTION tell_placed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_notify('placed', NEW.tenant_id::text); RETURN NULL; END $$; CREATE TRIGGER tell AFTER INSERT ON placements FOR EACH ROW EXECUTE FUNCTION tell_placed()");
        await using NpgsqlConnection listener = await database.Source.OpenConnectionAsync(Cancel);
        await using (var listen = new NpgsqlCommand("LISTEN placed", listener)) await listen.ExecuteNonQueryAsync(Cancel);
        Guid[] nodes = await new FleetSeed(database.Source).NodesAsync(1, new NodeShape());
        await database.ExecuteAsync("INSERT INTO node_desired (node_id, intent, changed_by, changed_at) VALUES ($1, 'Serve', 'operator', clock_timestamp())", nodes[0]);
        await database.ExecuteAsync("INSERT INTO node_heartbeats (node_id, received_at, sequence, lease_expires_at) VALUES ($1, clock_timestamp(), 1, clock_timestamp() + interval '1 hour')", nodes[0]);
        (await administrator.PostAsync("/api/v1/images", Uploads.Form("linux", null, TestKernel.Make()))).Status.ShouldBe(201);
        Answer made = await administrator.PostAsync("/api/v1/tenants", new { name = "first", image = "linux", cores = 2, memoryBytes = 1L << 30 });
        made.Status.ShouldBe(201, made.Text);
        (await listener.WaitAsync(TimeSpan.FromMinutes(1), Cancel)).ShouldBeTrue("no scheduler placed the tenant");
        (await administrator.GetAsync("/api/v1/tenants/first")).Json.GetProperty("node").GetString().ShouldBe("node-0");
    }

    [GeneratedRegex("first administrator: first password: ([a-z0-9]+)")]
    private static partial Regex PrintedPassword();

    /// <summary>What is written to standard output while it lives.</summary>
    private sealed class StandardOutput : IDisposable
    {
        private readonly TextWriter _before = System.Console.Out;
        private readonly StringWriter _text = new();

        public StandardOutput() => System.Console.SetOut(TextWriter.Synchronized(_text));

        public string Text => _text.ToString();

        public void Dispose()
        {
            System.Console.SetOut(_before);
            _text.Dispose();
        }
    }
}
