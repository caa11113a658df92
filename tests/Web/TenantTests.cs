using System.Text.Json;
using Osv.Data.Logs;
using Osv.Database.Testing;

namespace Osv.Web.Tests;

public sealed class TenantTests(Site site)
{
    private const long Gibibyte = 1L << 30;

    [Fact]
    public async Task A_new_tenant_waits_for_the_scheduler_and_says_so()
    {
        string project = await site.NewProjectAsync();
        await site.NewImageAsync(project);
        await site.NewTenantAsync(project, "web-1");
        Answer shown = await site.Administrator.GetAsync($"/api/v1/tenants/web-1?project={project}");
        shown.Status.ShouldBe(200, shown.Text);
        JsonElement tenant = shown.Json;
        tenant.GetProperty("name").GetString().ShouldBe("web-1");
        tenant.GetProperty("state").GetString().ShouldBe("Pending");
        tenant.GetProperty("node").ValueKind.ShouldBe(JsonValueKind.Null);
        tenant.GetProperty("cores").GetArrayLength().ShouldBe(0);
        tenant.GetProperty("memoryBytes").GetInt64().ShouldBe(Gibibyte);
        tenant.GetProperty("restarts").GetInt32().ShouldBe(0);
        tenant.GetProperty("lastTransition").GetDateTimeOffset().ShouldBe(DateTimeOffset.UtcNow, TimeSpan.FromMinutes(1));
        tenant.GetProperty("reason").GetString()!.ShouldContain("placement");
        (await site.Database.QueryAsync<bool>("SELECT due_at <= now() FROM tenant_lifecycles WHERE tenant_id = $1", tenant.GetProperty("id").GetGuid())).ShouldBeTrue("the scheduler is told to look at once");
    }

    [Fact]
    public async Task A_placed_tenant_shows_its_node_and_the_apic_ids_of_its_cores()
    {
        string project = await site.NewProjectAsync(), prefix = Site.Unique("n");
        await site.NewImageAsync(project);
        Guid tenant = await site.NewTenantAsync(project, "placed");
        Guid[] nodes = await site.Seed.NodesAsync(1, new NodeShape(), prefix);
        await site.PlaceAsync(tenant, nodes[0], [8, 9], cell: 1);
        Answer shown = await site.Administrator.GetAsync($"/api/v1/tenants/{tenant}");
        shown.Json.GetProperty("node").GetString().ShouldBe($"{prefix}-0");
        shown.Json.GetProperty("cores").EnumerateArray().Select(core => core.GetInt32()).ShouldBe([8, 9]);
        shown.Json.GetProperty("state").GetString().ShouldBe("Placed");
        Answer onNode = await site.Administrator.GetAsync($"/api/v1/tenants?node={prefix}-0");
        onNode.Json.GetProperty("items").EnumerateArray().Single().GetProperty("name").GetString().ShouldBe("placed");
    }

    [Fact]
    public async Task Start_stop_reboot_and_delete_change_only_what_is_wanted()
    {
        string project = await site.NewProjectAsync();
        await site.NewImageAsync(project);
        Guid tenant = await site.NewTenantAsync(project, "obedient");
        Guid[] nodes = await site.Seed.NodesAsync(1, new NodeShape(), Site.Unique("n"));
        await site.PlaceAsync(tenant, nodes[0], [0, 1]);
        await ExpectAsync(tenant, "reboot", "Run", reboots: 1);
        await ExpectAsync(tenant, "stop", "Stop", reboots: 1);
        (await site.Administrator.PostAsync($"/api/v1/tenants/{tenant}/reboot")).Detail.ShouldContain("start it instead");
        await ExpectAsync(tenant, "start", "Run", reboots: 1);
        Answer deleted = await site.Administrator.DeleteAsync($"/api/v1/tenants/{tenant}");
        deleted.Status.ShouldBe(200, deleted.Text);
        deleted.Json.GetProperty("intent").GetString().ShouldBe("Delete");
        deleted.Json.GetProperty("state").GetString().ShouldBe("Placed", "only the scheduler changes states");
        (await site.Administrator.PostAsync($"/api/v1/tenants/{tenant}/start")).Status.ShouldBe(409);
    }

    [Fact]
    public async Task User_data_is_kept_as_given_and_shown_nowhere()
    {
        string project = await site.NewProjectAsync();
        await site.NewImageAsync(project);
        const string data = "#!/bin/sh\n\techo 'hush-hush ü'\n";
        Answer made = await site.Administrator.PostAsync("/api/v1/tenants", new { name = "given", project, image = "linux", cores = 1, memoryBytes = Gibibyte, userData = data });
        made.Status.ShouldBe(201, made.Text);
        Guid tenant = made.Json.GetProperty("id").GetGuid();
        (await site.Database.QueryAsync<string>("SELECT content FROM tenant_user_data WHERE tenant_id = $1", tenant)).ShouldBe(data);
        Answer job = await site.Administrator.PostAsync("/api/v1/jobs", new { name = "givens", project, replicas = 1, template = new { image = "linux", cores = 1, memoryBytes = Gibibyte, userData = data } });
        job.Status.ShouldBe(201, job.Text);
        foreach (string path in (string[])[$"tenants/{tenant}", $"tenants?project={project}", $"tenants/{tenant}/timeline", $"jobs/givens?project={project}", "audit"])
        {
            Answer shown = await site.Administrator.GetAsync($"/api/v1/{path}");
            shown.Status.ShouldBe(200, shown.Text);
            shown.Text.ShouldNotContain("hush-hush", Case.Sensitive, path);
        }
        (made.Text + job.Text).ShouldNotContain("hush-hush");
        (await site.Database.QueryAsync<long>("SELECT count(*) FROM audit_entries e WHERE e::text LIKE '%hush-hush%'")).ShouldBe(0);
    }

    [Theory]
    [InlineData(16384, 'x', 409, "")]
    [InlineData(16385, 'x', 400, "16385 bytes: use at most 16384")]
    [InlineData(8193, 'ü', 400, "16386 bytes: use at most 16384")]
    [InlineData(3, '\u0001', 400, "character 0 is 0x01")]
    public async Task User_data_is_text_of_some_kibibytes(int length, char letter, int status, string says)
    {
        string project = await site.NewProjectAsync();
        await site.NewImageAsync(project);
        await site.NewTenantAsync(project, "taken");
        // With the name of another one, so that what passes is refused for that.
        Answer answer = await site.Administrator.PostAsync("/api/v1/tenants", new { name = "taken", project, image = "linux", cores = 1, memoryBytes = Gibibyte, userData = new string(letter, length) });
        answer.Status.ShouldBe(status, answer.Text);
        if (says.Length > 0) answer.Json.GetProperty("errors").GetProperty("userData")[0].GetString()!.ShouldContain(says);
    }

    [Theory]
    [InlineData("""{"name":"Bad Name","image":"linux","cores":1,"memoryBytes":1073741824}""", "name", "Bad Name")]
    [InlineData("""{"name":"a","image":"linux","cores":0,"memoryBytes":1073741824}""", "cores", "use 1 to 1024")]
    [InlineData("""{"name":"a","image":"linux","cores":1025,"memoryBytes":1073741824}""", "cores", "1025")]
    [InlineData("""{"name":"a","image":"linux","cores":1,"memoryBytes":1073741825}""", "memoryBytes", "2097152")]
    [InlineData("""{"name":"a","image":"linux","cores":1,"memoryBytes":1048576}""", "memoryBytes", "67108864")]
    [InlineData("""{"name":"a","image":"linux","cores":1,"memoryBytes":1073741824,"nics":17}""", "nics", "16")]
    [InlineData("""{"name":"a","image":"linux","cores":1,"memoryBytes":1073741824,"sshKey":"nonsense"}""", "sshKey", "id_ed25519.pub")]
    [InlineData("""{"name":"a","image":"linux","cores":1,"memoryBytes":1073741824,"priority":2000}""", "priority", "1000")]
    public async Task A_mistake_is_named_with_its_field_and_the_limit(string body, string field, string says)
    {
        Answer refused = await site.Administrator.PostAsync("/api/v1/tenants", body);
        refused.Status.ShouldBe(400, refused.Text);
        refused.Json.GetProperty("errors").GetProperty(field)[0].GetString()!.ShouldContain(says);
    }

    [Theory]
    [InlineData("""{"name":"a","image":"linux","cores":1,"memoryBytes":1073741824,"coers":2}""")]
    [InlineData("""{"name":"a","image":"linux","cores":"1","memoryBytes":1073741824}""")]
    [InlineData("""{"name":"a" """)]
    [InlineData("null")]
    public async Task A_body_that_is_not_understood_is_refused_whole(string body)
    {
        Answer refused = await site.Administrator.PostAsync("/api/v1/tenants", body);
        refused.Status.ShouldBe(400, refused.Text);
        refused.Detail.ShouldNotBeEmpty();
    }

    [Fact]
    public async Task More_than_the_quota_is_refused_at_once_with_the_dimension()
    {
        string project = await site.NewProjectAsync();
        await site.NewImageAsync(project);
        (await site.Administrator.PutAsync($"/api/v1/projects/{project}/quota", new { cores = 4, memoryBytes = 8 * Gibibyte })).Status.ShouldBe(200);
        Answer refused = await site.Administrator.PostAsync("/api/v1/tenants", new { name = "big", project, image = "linux", cores = 5, memoryBytes = Gibibyte });
        refused.Status.ShouldBe(409);
        refused.Detail.ShouldContain("4 cores");
        refused.Detail.ShouldContain("asks for 5");
    }

    [Fact]
    public async Task A_stale_etag_stops_a_change_and_an_unchanged_one_saves_the_answer()
    {
        string project = await site.NewProjectAsync();
        await site.NewImageAsync(project);
        Guid tenant = await site.NewTenantAsync(project, "tagged");
        Answer first = await site.Administrator.GetAsync($"/api/v1/tenants/{tenant}");
        first.Tag.ShouldNotBeNull();
        (await site.Administrator.GetAsync($"/api/v1/tenants/{tenant}", ("If-None-Match", first.Tag))).Status.ShouldBe(304);
        (await site.Administrator.PostAsync($"/api/v1/tenants/{tenant}/stop", null, ("If-Match", first.Tag))).Status.ShouldBe(200);
        Answer stale = await site.Administrator.PostAsync($"/api/v1/tenants/{tenant}/start", null, ("If-Match", first.Tag));
        stale.Status.ShouldBe(412);
        stale.Detail.ShouldContain("read it again");
        (await site.Administrator.GetAsync($"/api/v1/tenants/{tenant}")).Json.GetProperty("intent").GetString().ShouldBe("Stop");
    }

    [Fact]
    public async Task Lists_come_in_pieces_that_neither_repeat_nor_skip()
    {
        string project = await site.NewProjectAsync();
        await site.NewImageAsync(project);
        string[] names = [.. Enumerable.Range(0, 7).Select(i => $"t-{i}")];
        foreach (string name in names) await site.NewTenantAsync(project, name);
        var seen = new List<string>();
        string? cursor = null;
        do
        {
            Answer piece = await site.Administrator.GetAsync($"/api/v1/tenants?project={project}&limit=3" + (cursor is null ? "" : $"&cursor={cursor}"));
            piece.Status.ShouldBe(200, piece.Text);
            piece.Json.GetProperty("items").GetArrayLength().ShouldBeLessThanOrEqualTo(3);
            seen.AddRange(piece.Json.GetProperty("items").EnumerateArray().Select(tenant => tenant.GetProperty("name").GetString()!));
            cursor = piece.Json.GetProperty("nextCursor").GetString();
        }
        while (cursor is not null);
        seen.ShouldBe(names);
        (await site.Administrator.GetAsync("/api/v1/tenants?limit=501")).Detail.ShouldContain("1 to 500");
        (await site.Administrator.GetAsync("/api/v1/tenants?cursor=garbage!")).Status.ShouldBe(400);
    }

    [Fact]
    public async Task The_timeline_and_exits_are_those_that_were_recorded()
    {
        string project = await site.NewProjectAsync();
        await site.NewImageAsync(project);
        Guid tenant = await site.NewTenantAsync(project, "talkative");
        Guid[] nodes = await site.Seed.NodesAsync(1, new NodeShape(), Site.Unique("n"));
        await site.PlaceAsync(tenant, nodes[0], [0, 1]);
        DateTimeOffset now = DateTimeOffset.UtcNow;
        CancellationToken cancel = TestContext.Current.CancellationToken;
        await SampleWriter.AppendAsync(site.Database.Source, [
            new ExitSample { TenantId = tenant, At = now.AddSeconds(-60), ExitReason = "ICR", Total = 10 },
            new ExitSample { TenantId = tenant, At = now, ExitReason = "ICR", Total = 25 },
            new ExitSample { TenantId = tenant, At = now, ExitReason = "CPUID", Total = 3 }], cancel);

        Answer timeline = await site.Administrator.GetAsync($"/api/v1/tenants/{tenant}/timeline");
        timeline.Json.GetProperty("transitions").EnumerateArray().Select(t => t.GetProperty("to").GetString()).ShouldBe(["Pending", "Placed"]);
        Answer exits = await site.Administrator.GetAsync($"/api/v1/tenants/{tenant}/exits");
        exits.Json.GetProperty("exits").GetProperty("ICR").GetInt64().ShouldBe(25);
        exits.Json.GetProperty("total").GetInt64().ShouldBe(28);
        exits.Json.GetProperty("perSecond").GetRawText().ShouldBe("""{"ICR":0.25}""");
        Answer history = await site.Administrator.GetAsync($"/api/v1/tenants/{tenant}/exits/history");
        history.Json.GetProperty("at").GetArrayLength().ShouldBe(2);
        history.Json.GetProperty("exits").GetProperty("CPUID")[0].ValueKind.ShouldBe(JsonValueKind.Null);
        history.Json.GetProperty("exits").GetProperty("ICR")[0].GetInt64().ShouldBe(10);
    }

    private async Task ExpectAsync(Guid tenant, string command, string intent, int reboots)
    {
        Answer done = await site.Administrator.PostAsync($"/api/v1/tenants/{tenant}/{command}");
        done.Status.ShouldBe(200, done.Text);
        done.Json.GetProperty("intent").GetString().ShouldBe(intent);
        done.Json.GetProperty("state").GetString().ShouldBe("Placed", "only the scheduler changes states");
        (await site.Database.QueryAsync<int>("SELECT reboots FROM tenant_desired WHERE tenant_id = $1", tenant)).ShouldBe(reboots);
    }
}
