using System.Diagnostics;
using System.Text.Json;
using Osv.Database.Testing;
using Osv.Web.Tests;

namespace Osv.Cli.Tests;

public sealed class TenantCommandTests(Site site)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_option_of_create_arrives()
    {
        string project = await ProjectAsync();
        using Osv admin = Osv.Administrator(site);
        string key = admin.File("id.pub", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1n3Jt0yqzmcZ2j0c1cP5ZfB6vXyGm3Gm0bC1pZ9hXa me@here\n"u8.ToArray());
        Outcome made = (await admin.RunAsync("tenant", "create", "full", "--image", "linux", "--cores", "2", "--memory", "512MiB", "--nics", "1", "--disks", "2", "--restart", "on-failure", "--ssh-key", key,
            "--user-data", admin.File("setup", "#!/bin/sh\nreboot\n"u8.ToArray()), "--priority", "7", "--label", "tier=gold", "--label", "pinned=true", "--runs-on-without-lease", "--no-start", "--project", project, "-o", "json")).Succeeded();
        JsonElement tenant = (await site.Administrator.GetAsync($"/api/v1/tenants/full?project={project}")).Json;
        made.Json.GetProperty("id").GetGuid().ShouldBe(tenant.GetProperty("id").GetGuid());
        tenant.GetProperty("coreCount").GetInt32().ShouldBe(2);
        tenant.GetProperty("memoryBytes").GetInt64().ShouldBe(512L << 20);
        tenant.GetProperty("nics").GetInt32().ShouldBe(1);
        tenant.GetProperty("disks").GetInt32().ShouldBe(2);
        tenant.GetProperty("restart").GetString().ShouldBe("OnFailure");
        tenant.GetProperty("priority").GetInt32().ShouldBe(7);
        tenant.GetProperty("runsOnWithoutLease").GetBoolean().ShouldBeTrue();
        tenant.GetProperty("intent").GetString().ShouldBe("Stop");
        tenant.GetProperty("labels").GetProperty("tier").GetString().ShouldBe("gold");
        tenant.GetProperty("labels").GetProperty("pinned").GetString().ShouldBe("true");
        (await site.Database.QueryAsync<string>("SELECT ssh_key FROM tenants WHERE id = $1", tenant.GetProperty("id").GetGuid())).ShouldContain("me@here");
        (await site.Database.QueryAsync<string>("SELECT content FROM tenant_user_data WHERE tenant_id = $1", tenant.GetProperty("id").GetGuid())).ShouldBe("#!/bin/sh\nreboot\n");
    }

    [Fact]
    public async Task Mistakes_are_told_in_a_sentence_and_nothing_is_made()
    {
        string project = await ProjectAsync();
        using Osv admin = Osv.Administrator(site);
        string[] create = ["tenant", "create", "wrong", "--project", project, "--image", "linux"];
        (await admin.RunAsync([.. create, "--cores", "2", "--memory", "2GB"])).Refused(2).ShouldContain("'2GB' is no size");
        (await admin.RunAsync([.. create, "--cores", "two", "--memory", "1GiB"])).Refused(2).ShouldContain("two");
        (await admin.RunAsync([.. create, "--memory", "1GiB"])).Refused(2).ShouldContain("--cores");
        (await admin.RunAsync([.. create, "--cores", "0", "--memory", "1GiB"])).Refused().ShouldContain("use 1 to 1024");
        (await admin.RunAsync([.. create, "--cores", "1", "--memory", "1GiB", "--restart", "sometimes"])).Refused(2).ShouldContain("sometimes");
        (await admin.RunAsync([.. create, "--cores", "1", "--memory", "1GiB", "--user-data", "/nowhere/data"])).Refused().ShouldContain("--user-data: there is no file /nowhere/data");
        (await admin.RunAsync([.. create, "--cores", "1", "--memory", "1GiB", "--ssh-key", "/nowhere/key"])).Refused().ShouldContain("there is no file /nowhere/key");
        (await admin.RunAsync([.. create, "--cores", "1", "--memory", "1GiB", "--ssh-key", admin.File("id", "-----BEGIN OPENSSH PRIVATE KEY-----"u8.ToArray())])).Refused().ShouldContain("private key");
        (await admin.RunAsync("tenant", "creat")).Refused(2).ShouldContain("'creat'");
        (await admin.RunAsync("tenant", "show", "wrong", "--project", project)).Refused().ShouldContain("there is no tenant 'wrong'");
    }

    [Fact]
    public async Task Create_with_wait_tells_the_states_and_returns_when_it_runs()
    {
        string project = await ProjectAsync();
        Guid[] nodes = await site.Seed.NodesAsync(1, new NodeShape(), Site.Unique("n"));
        using Osv admin = Osv.Administrator(site);
        using Process process = admin.Start("tenant", "create", "awaited", "--image", "linux", "--cores", "2", "--memory", "1GiB", "--project", project, "--wait", "-o", "json");
        (await process.StandardError.ReadLineAsync(Cancel)).ShouldBe("tenant awaited: Pending: waits for its first placement");
        Guid tenant = await IdAsync("awaited", project);
        await site.PlaceAsync(tenant, nodes[0], [0, 1]);
        foreach (string state in new[] { "Loading", "Starting", "Running" })
        {
            await site.EnterAsync(tenant, state, $"test says {state}");
            if (state != "Running") while (await process.StandardError.ReadLineAsync(Cancel) is { } line && !line.Contains($"{state} on ", StringComparison.Ordinal)) { }
        }
        Outcome outcome = (await Osv.EndAsync(process)).Succeeded();
        outcome.Json.GetProperty("state").GetString().ShouldBe("Running");
        outcome.Json.GetProperty("cores").GetArrayLength().ShouldBe(2);
    }

    [Fact]
    public async Task Waiting_ends_with_the_reason_when_it_takes_too_long_or_can_not_be()
    {
        string project = await ProjectAsync();
        using Osv admin = Osv.Administrator(site);
        string late = (await admin.RunAsync("tenant", "create", "late", "--image", "linux", "--cores", "900", "--memory", "1GiB", "--project", project, "--wait", "--timeout", "1")).Refused();
        late.ShouldContain("waited 1 s");
        late.ShouldContain("waits for its first placement");
        Guid tenant = await IdAsync("late", project);
        using Process process = admin.Start("tenant", "start", tenant.ToString(), "--wait");
        await process.StandardError.ReadLineAsync(Cancel);
        (await site.Administrator.DeleteAsync($"/api/v1/tenants/{tenant}")).Status.ShouldBe(200);
        (await Osv.EndAsync(process)).Refused().ShouldContain("wanted: Delete");
    }

    [Fact]
    public async Task Json_is_that_of_the_api_and_has_what_the_contract_names()
    {
        string project = await ProjectAsync(), prefix = Site.Unique("n");
        Guid[] nodes = await site.Seed.NodesAsync(1, new NodeShape(), prefix);
        Guid tenant = await site.NewTenantAsync(project, "shown");
        await site.PlaceAsync(tenant, nodes[0], [8, 9], cell: 1);
        using Osv admin = Osv.Administrator(site);
        Outcome shown = (await admin.RunAsync("tenant", "show", "shown", "--project", project, "-o", "json")).Succeeded();
        Normal(shown.Json).ShouldBe(Normal((await site.Administrator.GetAsync($"/api/v1/tenants/{tenant}")).Json));
        foreach (string name in new[] { "name", "state", "node", "cores", "memoryBytes", "restarts", "lastTransition", "reason" }) shown.Json.TryGetProperty(name, out _).ShouldBeTrue(name);
        shown.Json.GetProperty("cores").EnumerateArray().Select(core => core.GetInt32()).ShouldBe([8, 9]);
        Outcome words = (await admin.RunAsync("tenant", "show", tenant.ToString())).Succeeded();
        foreach (string word in new[] { "shown", "Placed", $"{prefix}-0", "8, 9", "1GiB", "Pending" }) words.Output.ShouldContain(word);
        Outcome list = (await admin.RunAsync("tenant", "list", "--project", project, "-o", "json")).Succeeded();
        Normal(list.Json).ShouldBe(Normal((await site.Administrator.GetAsync($"/api/v1/tenants?project={project}")).Json));
    }

    [Fact]
    public async Task A_list_is_whole_however_many_pieces_it_comes_in()
    {
        string project = await ProjectAsync();
        Guid id = (await site.Administrator.GetAsync($"/api/v1/projects/{project}")).Json.GetProperty("id").GetGuid();
        await site.Database.ExecuteAsync(
            """
            WITH made AS (INSERT INTO tenants (id, project_id, name, image_id, core_count, memory_bytes, nic_count, disk_count, restart_policy, priority, runs_on_without_lease, labels, created_at)
            SELECT gen_random_uuid(), $1, 'many-' || number, (SELECT id FROM images WHERE project_id = $1), 1, 1 << 30, 0, 0, 'Never', 0, false, '{}', now() FROM generate_series(1, 1200) number RETURNING id),
            wanted AS (INSERT INTO tenant_desired (tenant_id, intent, changed_by, changed_at, reboots) SELECT id, 'Stop', 'test', now(), 0 FROM made)
            INSERT INTO tenant_lifecycles (tenant_id, state, reason, owner, deadline_at, restarts) SELECT id, 'Pending', 'test', 'scheduler', now() + interval '1 hour', 0 FROM made
            """, id);
        using Osv admin = Osv.Administrator(site);
        JsonElement list = (await admin.RunAsync("tenant", "list", "--project", project, "-o", "json")).Succeeded().Json;
        list.GetProperty("items").EnumerateArray().Select(tenant => tenant.GetProperty("name").GetString()).Distinct().Count().ShouldBe(1200);
        list.GetProperty("nextCursor").ValueKind.ShouldBe(JsonValueKind.Null);
        string[] table = (await admin.RunAsync("tenant", "list", "--project", project)).Succeeded().Output.TrimEnd().Split('\n');
        table.Length.ShouldBe(1201);
        table[0].ShouldStartWith("NAME");
        (await admin.RunAsync("tenant", "list", "--project", project, "--state", "running")).Succeeded().Error.ShouldContain("no tenants");
    }

    [Fact]
    public async Task Stop_start_reboot_and_delete_say_what_is_wanted_and_wait_for_it()
    {
        string project = await ProjectAsync();
        Guid[] nodes = await site.Seed.NodesAsync(1, new NodeShape(), Site.Unique("n"));
        Guid tenant = await site.NewTenantAsync(project, "obedient");
        await site.PlaceAsync(tenant, nodes[0], [0, 1]);
        using Osv admin = Osv.Administrator(site);
        (await admin.RunAsync("tenant", "reboot", "obedient", "--project", project)).Succeeded().Output.ShouldContain("obedient: Placed");
        (await site.Database.QueryAsync<int>("SELECT reboots FROM tenant_desired WHERE tenant_id = $1", tenant)).ShouldBe(1);
        (await admin.RunAsync("tenant", "stop", "obedient", "--project", project)).Succeeded().Output.ShouldContain("wanted: Stop");
        (await admin.RunAsync("tenant", "reboot", "obedient", "--project", project)).Refused().ShouldContain("start it instead");
        (await admin.RunAsync("tenant", "start", "obedient", "--project", project)).Succeeded().Output.ShouldContain("wanted: Run");
        using Process process = admin.Start("tenant", "delete", "obedient", "--project", project, "--wait");
        (await process.StandardError.ReadLineAsync(Cancel))!.ShouldContain("obedient: Placed");
        await site.ForgetAsync(tenant);
        (await Osv.EndAsync(process)).Succeeded().Output.ShouldContain("obedient is gone");
    }

    [Fact]
    public async Task A_log_is_shown_followed_and_left_with_a_signal_without_steering_the_terminal()
    {
        string project = await ProjectAsync();
        Guid tenant = await site.NewTenantAsync(project, "talkative");
        await site.PrintAsync(tenant, "first\n");
        await site.PrintAsync(tenant, "\u001b[2Jsecond\t!\n");
        using Osv admin = Osv.Administrator(site);
        (await admin.RunAsync("tenant", "log", "talkative", "--project", project)).Succeeded().Output.ShouldBe("first\n[2Jsecond\t!\n");
        (await admin.RunAsync("tenant", "log", "talkative", "--project", project, "--search", "SECOND")).Succeeded().Output.ShouldBe("[2Jsecond\t!\n");
        (await admin.RunAsync("tenant", "log", tenant.ToString(), "--lines", "1", "-o", "json")).Succeeded().Json[0].GetProperty("sequence").GetInt64().ShouldBe(2);
        using Process process = admin.Start("tenant", "log", "talkative", "--project", project, "--follow", "-n", "1", "-o", "json");
        (await process.StandardOutput.ReadLineAsync(Cancel))!.ShouldContain("second");
        await site.PrintAsync(tenant, "third\n");
        JsonElement.Parse((await process.StandardOutput.ReadLineAsync(Cancel))!).GetProperty("text").GetString().ShouldBe("third");
        using (Process signal = Process.Start("kill", ["-INT", $"{process.Id}"])) await signal.WaitForExitAsync(Cancel);
        Outcome left = await Osv.EndAsync(process);
        left.Status.ShouldBe(130);
        left.Error.ShouldBe("");
    }

    [Fact]
    public async Task A_followed_log_shows_a_prompt_before_its_line_ends_and_nothing_twice()
    {
        string project = await ProjectAsync();
        Guid tenant = await site.NewTenantAsync(project, "prompting");
        await site.PrintAsync(tenant, "booted\nlogin: ");
        using Osv admin = Osv.Administrator(site);
        using Process process = admin.Start("tenant", "log", "prompting", "--project", project, "--follow");
        await ReadAsync(process, "booted\nlogin: ");
        await site.PrintAsync(tenant, "root\n# ");
        await ReadAsync(process, "root\n# ");
        await site.PrintAsync(tenant, "\n");
        await ReadAsync(process, "\n");
        using (Process signal = Process.Start("kill", ["-INT", $"{process.Id}"])) await signal.WaitForExitAsync(Cancel);
        (await Osv.EndAsync(process)).Output.ShouldBe("");
    }

    private static async Task ReadAsync(Process process, string wanted)
    {
        char[] read = new char[wanted.Length];
        int count = await process.StandardOutput.ReadBlockAsync(read, Cancel);
        new string(read, 0, count).ShouldBe(wanted);
    }

    [Fact]
    public async Task Exits_are_counted_by_reason()
    {
        string project = await ProjectAsync();
        Guid tenant = await site.NewTenantAsync(project, "counted");
        using Osv admin = Osv.Administrator(site);
        (await admin.RunAsync("tenant", "exits", "counted", "--project", project)).Succeeded().Output.ShouldContain("no exits");
        await site.CountExitsAsync(tenant, ("Icr", 2500), ("Cpuid", 3));
        (await admin.RunAsync("tenant", "exits", "counted", "--project", project, "-o", "json")).Succeeded().Json.GetProperty("exits").GetProperty("Icr").GetInt64().ShouldBe(2500);
        string words = (await admin.RunAsync("tenant", "exits", "counted", "--project", project)).Succeeded().Output;
        words.ShouldContain("2,503");
        words.IndexOf("Icr", StringComparison.Ordinal).ShouldBeLessThan(words.IndexOf("Cpuid", StringComparison.Ordinal));
    }

    private async Task<string> ProjectAsync()
    {
        string project = await site.NewProjectAsync();
        await site.NewImageAsync(project);
        return project;
    }

    private async Task<Guid> IdAsync(string tenant, string project) => (await site.Administrator.GetAsync($"/api/v1/tenants/{tenant}?project={project}")).Json.GetProperty("id").GetGuid();

    private static string Normal(JsonElement json) => JsonSerializer.Serialize(json);
}
