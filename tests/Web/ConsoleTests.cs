using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Osv.Database.Testing;

namespace Osv.Web.Tests;

/// <summary>What a tenant prints reaches whoever watches, and what members type reaches the tenant.</summary>
public sealed class ConsoleTests(Site site)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_log_has_lines_and_the_prompt_that_has_not_ended()
    {
        (Guid tenant, _) = await TenantAsync();
        await site.PrintAsync(tenant, "line 1\r\nline 2\nline 3\nlogin: ");
        Answer last = await site.Administrator.GetAsync($"/api/v1/tenants/{tenant}/log?limit=2");
        last.Json.EnumerateArray().Select(line => line.GetProperty("text").GetString()).ShouldBe(["line 2", "line 3", "login: "]);
        last.Json[2].GetProperty("partial").GetBoolean().ShouldBeTrue();
        Answer after = await site.Administrator.GetAsync($"/api/v1/tenants/{tenant}/log?after=1&limit=1");
        after.Json.EnumerateArray().Select(line => line.GetProperty("text").GetString()).ShouldBe(["line 2"]);
        // Whoever goes on after the prompt gets the whole line.
        await site.PrintAsync(tenant, "root\n");
        Answer whole = await site.Administrator.GetAsync($"/api/v1/tenants/{tenant}/log?after={last.Json[2].GetProperty("sequence").GetInt64()}");
        whole.Json.EnumerateArray().Single().GetProperty("text").GetString().ShouldBe("login: root");
        (await site.Administrator.GetAsync($"/api/v1/tenants/{tenant}/log", ("Accept", "text/plain"))).Text.ShouldBe("line 1\nline 2\nline 3\nlogin: root\n");
        (await site.Administrator.GetAsync($"/api/v1/tenants/{tenant}/log?limit=0")).Detail.ShouldContain("1 to 10000");
    }

    [Theory]
    [InlineData("oops", new[] { "kernel: Oops 0002" })]
    [InlineData("100%", new[] { "disk 100% full" })]
    [InlineData("_x", new[] { "under_x" })]
    [InlineData("nothing of this", new string[0])]
    public async Task The_log_can_be_searched(string search, string[] found)
    {
        (Guid tenant, _) = await TenantAsync();
        await site.PrintAsync(tenant, "kernel: Oops 0002\ndisk 100% full\ndisk 100 full\nunder_x\nunderxx\n");
        Answer answer = await site.Administrator.GetAsync($"/api/v1/tenants/{tenant}/log?search={Uri.EscapeDataString(search)}");
        answer.Json.EnumerateArray().Select(line => line.GetProperty("text").GetString()).ShouldBe(found);
    }

    [Fact]
    public async Task The_bytes_can_be_read_in_pieces_over_several_starts()
    {
        (Guid tenant, _) = await TenantAsync();
        await site.PrintAsync(tenant, "first start\xFF", instance: 100);
        await site.PrintAsync(tenant, "second", instance: 200, offset: 5, lost: 5);
        byte[] whole = [.. Encoding.UTF8.GetBytes("first start\xFF"), .. "second"u8];
        var read = new List<byte>();
        long from = 0;
        while (true)
        {
            JsonElement page = (await site.Administrator.GetAsync($"/api/v1/tenants/{tenant}/console?from={from}&limit=5")).Json;
            foreach (JsonElement segment in page.GetProperty("segments").EnumerateArray()) read.AddRange(segment.GetProperty("data").GetBytesFromBase64());
            from = page.GetProperty("next").GetInt64();
            if (from == page.GetProperty("end").GetInt64()) break;
        }
        read.ToArray().ShouldBe(whole);
        JsonElement second = (await site.Administrator.GetAsync($"/api/v1/tenants/{tenant}/console?from=-6")).Json.GetProperty("segments")[0];
        second.GetProperty("instance").GetInt64().ShouldBe(200);
        second.GetProperty("offset").GetInt64().ShouldBe(5);
        second.GetProperty("lostBefore").GetInt64().ShouldBe(5);
        Answer text = await site.Administrator.GetAsync($"/api/v1/tenants/{tenant}/console?from=-6", ("Accept", "text/plain"));
        text.Text.ShouldBe("second");
        text.Headers.GetValues("Osv-Console-Next").ShouldBe([$"{whole.Length}"]);
    }

    [Fact]
    public async Task A_followed_log_goes_on_with_what_comes_later_and_after_the_last_line_seen()
    {
        (Guid tenant, _) = await TenantAsync();
        await site.PrintAsync(tenant, "before\n");
        using HttpResponseMessage stream = await site.Administrator.OpenAsync($"/api/v1/tenants/{tenant}/log/follow");
        using var lines = new StreamReader(await stream.Content.ReadAsStreamAsync(Cancel));
        (await lines.DataAsync(Cancel)).GetProperty("text").GetString().ShouldBe("before");
        await site.PrintAsync(tenant, "log");
        JsonElement partial = await lines.DataAsync(Cancel);
        partial.GetProperty("text").GetString().ShouldBe("log");
        partial.GetProperty("partial").GetBoolean().ShouldBeTrue();
        await site.PrintAsync(tenant, "in\n");
        (await lines.DataAsync(Cancel)).GetProperty("text").GetString().ShouldBe("login");
        using HttpResponseMessage later = await site.Administrator.OpenAsync($"/api/v1/tenants/{tenant}/log/follow?after=1");
        using var rest = new StreamReader(await later.Content.ReadAsStreamAsync(Cancel));
        (await rest.DataAsync(Cancel)).GetProperty("text").GetString().ShouldBe("login");
    }

    [Fact]
    public async Task Members_type_and_one_session_is_one_entry_of_the_audit_log()
    {
        (Guid tenant, string project) = await TenantAsync();
        using Api member = await site.NewMemberAsync(project, "Member"), viewer = await site.NewMemberAsync(project, "Viewer");
        Answer nowhere = await member.PostAsync($"/api/v1/tenants/{tenant}/console", new { text = "x" });
        nowhere.Status.ShouldBe(409);
        nowhere.Detail.ShouldContain("no server of this site has a connection to node");
        ChannelReader<byte[]> typed = site.Keyboards.Connect(tenant);
        (await member.PostAsync($"/api/v1/tenants/{tenant}/console", new { text = "root\r" })).Status.ShouldBe(204);
        (await member.PostAsync($"/api/v1/tenants/{tenant}/console", new { data = new byte[] { 3, 0xFF } })).Status.ShouldBe(204);
        (await typed.ReadAsync(Cancel)).ShouldBe("root\r"u8.ToArray());
        (await typed.ReadAsync(Cancel)).ShouldBe([3, 0xFF]);
        (await viewer.PostAsync($"/api/v1/tenants/{tenant}/console", new { text = "x" })).Status.ShouldBe(403);
        foreach (object wrong in new object[] { new { }, new { text = "" }, new { text = "a", data = new byte[] { 1 } }, new { text = new string('x', 20_000) } })
        {
            (await member.PostAsync($"/api/v1/tenants/{tenant}/console", wrong)).Status.ShouldBe(400);
        }
        typed.TryRead(out _).ShouldBeFalse();
        // One for the session that got nowhere, one for the two requests that followed each other.
        (await site.Database.QueryAsync<long>("SELECT count(*) FROM audit_entries WHERE action = 'console.type' AND detail::jsonb ->> 'id' = $1", tenant.ToString())).ShouldBe(2);
    }

    [Fact]
    public async Task A_tenant_without_a_place_says_so()
    {
        string project = await site.NewProjectAsync();
        await site.NewImageAsync(project);
        Guid tenant = await site.NewTenantAsync(project, "unplaced");
        (await site.Administrator.PostAsync($"/api/v1/tenants/{tenant}/console", new { text = "x" })).Detail.ShouldContain("is Pending and has no place");
    }

    [Fact]
    public async Task A_socket_shows_the_backlog_then_what_comes_and_takes_what_is_typed()
    {
        (Guid tenant, string project) = await TenantAsync();
        using Api member = await site.NewMemberAsync(project, "Member");
        await site.PrintAsync(tenant, "booted\r\nlogin: ");
        ChannelReader<byte[]> typed = site.Keyboards.Connect(tenant);
        await using var first = await Terminal.OpenAsync(site, tenant, member.Token!);
        await using var second = await Terminal.OpenAsync(site, tenant, site.Administrator.Token!, from: 8);
        (await first.NoticeAsync("live")).GetProperty("position").GetInt64().ShouldBe(15);
        first.Printed.ShouldBe("booted\r\nlogin: ");
        first.MayType.ShouldBeTrue();
        await second.NoticeAsync("live");
        second.Printed.ShouldBe("login: ");
        await first.TypeAsync("ro");
        await first.TypeAsync("ot\r");
        (await typed.ReadAsync(Cancel)).ShouldBe("ro"u8.ToArray());
        (await typed.ReadAsync(Cancel)).ShouldBe("ot\r"u8.ToArray());
        await site.PrintAsync(tenant, "root\r\n");
        await first.PrintsAsync("booted\r\nlogin: root\r\n");
        await second.PrintsAsync("login: root\r\n");
        await site.PrintAsync(tenant, "after a gap", offset: 100, lost: 79);
        (await second.NoticeAsync("lost")).GetProperty("bytes").GetInt64().ShouldBe(79);
        (await site.Database.QueryAsync<long>("SELECT count(*) FROM audit_entries WHERE action = 'console.type' AND detail::jsonb ->> 'id' = $1", tenant.ToString())).ShouldBe(1, "an entry for the session, not for each key");
    }

    [Fact]
    public async Task A_viewer_watches_and_their_typing_is_refused_on_record()
    {
        (Guid tenant, string project) = await TenantAsync();
        using Api viewer = await site.NewMemberAsync(project, "Viewer");
        ChannelReader<byte[]> typed = site.Keyboards.Connect(tenant);
        await using var terminal = await Terminal.OpenAsync(site, tenant, viewer.Token!);
        await terminal.NoticeAsync("live");
        terminal.MayType.ShouldBeFalse();
        await terminal.TypeAsync("rm -rf /\r");
        (await terminal.NoticeAsync("refused")).GetProperty("message").GetString().ShouldBe("your role lets you watch, not type");
        typed.TryRead(out _).ShouldBeFalse();
        (await site.Database.QueryAsync<long>("SELECT count(*) FROM audit_entries WHERE action = 'request.refuse' AND project_id = (SELECT project_id FROM tenants WHERE id = $1)", tenant)).ShouldBe(1);
    }

    [Fact]
    public async Task A_page_of_another_site_opens_no_console_and_without_a_socket_there_is_none()
    {
        (Guid tenant, _) = await TenantAsync();
        WebSocketException forged = await Should.ThrowAsync<WebSocketException>(() => Terminal.OpenAsync(site, tenant, site.Administrator.Token!, origin: "https://elsewhere.example"));
        forged.Message.ShouldContain("403");
        (await site.Administrator.GetAsync($"/api/v1/tenants/{tenant}/console/attach")).Detail.ShouldContain("WebSocket");
        using Api anyone = site.Anonymous();
        (await anyone.GetAsync($"/api/v1/tenants/{tenant}/console/attach")).Status.ShouldBe(401);
    }

    [Fact]
    public async Task A_console_that_stops_growing_is_closed_when_its_host_stops()
    {
        (Guid tenant, _) = await TenantAsync();
        await using var host = await site.StartAsync();
        await using var terminal = await Terminal.OpenAsync(new Uri(host.Urls.Single()), tenant, site.Administrator.Token!);
        await terminal.NoticeAsync("live");
        await host.StopAsync(Cancel);
        (await terminal.EndAsync()).ShouldBe(WebSocketCloseStatus.EndpointUnavailable);
    }

    /// <summary>A tenant that has a place.</summary>
    private async Task<(Guid Tenant, string Project)> TenantAsync()
    {
        string project = await site.NewProjectAsync();
        await site.NewImageAsync(project);
        Guid tenant = await site.NewTenantAsync(project, "talkative");
        Guid[] nodes = await site.Seed.NodesAsync(1, new NodeShape(), Site.Unique("n"));
        await site.PlaceAsync(tenant, nodes[0], [0, 1]);
        return (tenant, project);
    }
}
