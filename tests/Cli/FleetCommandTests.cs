using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using Osv.Database.Testing;
using Osv.Web.Tests;

namespace Osv.Cli.Tests;

/// <summary>Images, nodes, jobs and what is free.</summary>
public sealed class FleetCommandTests(Site site)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_image_is_uploaded_checked_shown_and_deleted()
    {
        string project = await site.NewProjectAsync();
        using Osv admin = Osv.Administrator(site);
        byte[] kernel = TestKernel.Make(), initrd = new byte[300_000];
        Random.Shared.NextBytes(initrd);
        string[] add = ["image", "add", "debian", "--kernel", admin.File("vmlinuz", kernel), "--initrd", admin.File("initrd", initrd), "--cmdline", "console=ttyS0 quiet", "--project", project];
        Outcome added = (await admin.RunAsync([.. add, "-o", "json"])).Succeeded();
        added.Json.GetProperty("kernelSha256").GetString().ShouldBe(Convert.ToHexStringLower(SHA256.HashData(kernel)));
        added.Json.GetProperty("initrdSha256").GetString().ShouldBe(Convert.ToHexStringLower(SHA256.HashData(initrd)));
        (await admin.RunAsync(add)).Refused().ShouldContain("taken");
        string shown = (await admin.RunAsync("image", "show", "debian", "--project", project)).Succeeded().Output;
        shown.ShouldContain("console=ttyS0 quiet");
        shown.ShouldContain(Convert.ToHexStringLower(SHA256.HashData(initrd)));
        (await admin.RunAsync("image", "list", "--project", project, "-o", "json")).Succeeded().Json.GetProperty("items").GetArrayLength().ShouldBe(1);
        (await admin.RunAsync("image", "delete", "debian", "--project", project)).Succeeded();
        (await admin.RunAsync("image", "list", "--project", project)).Succeeded().Error.ShouldContain("no images");
    }

    [Fact]
    public async Task A_file_that_is_no_kernel_is_refused_with_the_reason()
    {
        using Osv admin = Osv.Administrator(site);
        string text = admin.File("notes.txt", new byte[5000]);
        (await admin.RunAsync("image", "add", "bad", "--kernel", text, "--project", await site.NewProjectAsync())).Refused().ShouldContain("kernel");
        (await admin.RunAsync("image", "add", "bad", "--kernel", "/nowhere/vmlinuz")).Refused().ShouldContain("there is no file /nowhere/vmlinuz");
    }

    [Fact]
    public async Task Nodes_are_registered_approved_and_shown()
    {
        using Osv admin = Osv.Administrator(site);
        string name = Site.Unique("new");
        (await admin.RunAsync("node", "register", name, "--serial", $"SN-{name}", "--rack", "r1", "--label", "tier=gold")).Succeeded().Output.ShouldContain($"node {name}: Discovered");
        (await admin.RunAsync("node", "show", name, "-o", "json")).Succeeded().Json.GetProperty("labels").GetProperty("tier").GetString().ShouldBe("gold");
        string prefix = Site.Unique("n"), node = $"{prefix}-0", project = await site.NewProjectAsync();
        await site.NewImageAsync(project);
        Guid[] ids = await site.Seed.NodesAsync(1, new NodeShape(), prefix);
        Guid tenant = await site.NewTenantAsync(project, "resident");
        await site.PlaceAsync(tenant, ids[0], [8, 9], cell: 1);
        string shown = (await admin.RunAsync("node", "show", node)).Succeeded().Output;
        foreach (string word in new[] { "NUMA cells", "6/8", "resident", "devices", "8086:1503", "14 cores with" }) shown.ShouldContain(word);
        (await admin.RunAsync("node", "list", "--state", "ready")).Succeeded().Output.ShouldContain("14/16");
        (await admin.RunAsync("node", "approve", node)).Refused().ShouldContain("Ready");
        (await admin.RunAsync("node", "delete", node)).Refused().ShouldContain("drain it first");
        (await admin.RunAsync("node", "show", "nowhere")).Refused().ShouldContain("there is no node 'nowhere'");
    }

    [Fact]
    public async Task A_drain_looks_before_it_begins_and_ends_when_the_node_is_empty()
    {
        using Osv admin = Osv.Administrator(site);
        (string node, Guid id, Guid tenant) = await NodeWithTenantAsync();
        Outcome preview = (await admin.RunAsync("node", "drain", node, "--dry-run")).Succeeded();
        preview.Output.ShouldContain("mover");
        (await site.Database.QueryAsync<string>("SELECT intent FROM node_desired WHERE node_id = $1", id)).ShouldBe("Serve");
        using Process process = admin.Start("node", "drain", node, "--wait");
        (await process.StandardError.ReadLineAsync(Cancel))!.ShouldContain("Ready, 1 tenants left");
        (await site.Database.QueryAsync<string>("SELECT intent FROM node_desired WHERE node_id = $1", id)).ShouldBe("Drain");
        await site.MoveAsync(id, "Draining", "1 tenants left, 1 of them stopping");
        while (await process.StandardError.ReadLineAsync(Cancel) is { } line && !line.Contains("Draining, 1 tenants left", StringComparison.Ordinal)) { }
        await site.ForgetAsync(tenant);
        await site.MoveAsync(id, "Drained", "no tenant is left on it");
        (await Osv.EndAsync(process)).Succeeded().Output.ShouldContain($"node {node} is drained");
        (await admin.RunAsync("node", "uncordon", node)).Succeeded().Output.ShouldContain("wanted: Serve");
    }

    [Fact]
    public async Task A_drain_that_cannot_end_says_what_blocks_it_instead_of_looping()
    {
        using Osv admin = Osv.Administrator(site);
        (string node, Guid id, Guid tenant) = await NodeWithTenantAsync();
        await site.Database.ExecuteAsync("UPDATE tenants SET labels = '{\"pinned\":\"true\"}' WHERE id = $1", tenant);
        (await admin.RunAsync("node", "drain", node)).Refused().ShouldContain("pinned");
        (await site.Database.QueryAsync<string>("SELECT intent FROM node_desired WHERE node_id = $1", id)).ShouldBe("Serve", "nothing may be begun");
        using Process process = admin.Start("node", "drain", node, "--force", "--wait");
        await process.StandardError.ReadLineAsync(Cancel);
        await site.MoveAsync(id, "Draining", "1 of 1 tenants block: mover is pinned to node: unpin it or stop it");
        string said = (await Osv.EndAsync(process)).Refused();
        said.ShouldContain("mover is pinned");
        said.ShouldContain($"osv node uncordon {node}");
    }

    [Fact]
    public async Task A_job_is_submitted_from_a_file_shown_explained_and_cancelled()
    {
        string project = await site.NewProjectAsync();
        await site.NewImageAsync(project);
        using Osv admin = Osv.Administrator(site);
        string scheduled = admin.File("nightly.json", """{ "name": "nightly", "template": { "image": "linux", "cores": 1, "memoryBytes": 1073741824 }, "schedule": { "cron": "0 3 * * *", "timeZone": "Europe/Berlin" } }"""u8.ToArray());
        (await admin.RunAsync("job", "submit", scheduled, "--project", project)).Succeeded();
        (await admin.RunAsync("job", "show", "nightly", "--project", project)).Succeeded().Output.ShouldContain("0 3 * * * (Europe/Berlin), next 20");
        string file = admin.File("job.json", """{ "name": "batch", "replicas": 2, "gang": true, "template": { "image": "linux", "cores": 2, "memoryBytes": 1073741824 } }"""u8.ToArray());
        Outcome made = (await admin.RunAsync("job", "submit", file, "--project", project, "-o", "json")).Succeeded();
        Guid id = made.Json.GetProperty("id").GetGuid();
        (await admin.RunAsync("job", "list", "--project", project)).Succeeded().Output.ShouldContain("0/2");
        (await admin.RunAsync("job", "show", "batch", "--project", project, "-o", "json")).Succeeded().Json.GetProperty("tenants").GetArrayLength().ShouldBe(2);
        (await admin.RunAsync("job", "explain", id.ToString())).Succeeded().Error.ShouldContain("nothing was planned");
        Guid tenant = await site.NewTenantAsync(project, "batch-0");
        await site.Database.ExecuteAsync(
            "INSERT INTO placement_explanations (tenant_id, job_id, placed, summary, detail, at) VALUES ($1, $2, false, '2 nodes: 2 lack 16 free cores in one NUMA cell', $3::jsonb, now())", tenant, id,
            """{"nodes":2,"funnel":[{"filter":"state","nodes":2},{"filter":"cores","nodes":0}],"rejections":[{"filter":"cores","dimension":"cores in one cell","nodes":2,"text":"lack 16 free cores"}],"largest":[{"cores":12,"memoryBytes":68719476736,"devices":[],"text":"12 cores with 64 GiB"}]}""");
        string why = (await admin.RunAsync("job", "explain", "batch", "--project", project)).Succeeded().Output;
        foreach (string word in new[] { "batch-0: not placed", "2 lack 16 free cores in one NUMA cell", "cores in one cell", "12 cores with 64 GiB" }) why.ShouldContain(word);
        (await admin.RunAsync("job", "cancel", "batch", "--project", project)).Succeeded().Output.ShouldContain("Cancelled");
        (await admin.RunWithAsync("{ nonsense", "job", "submit", "-")).Refused().ShouldContain("is not JSON");
        (await admin.RunWithAsync("""{ "name": "x", "coers": 1, "template": { "image": "linux", "cores": 2, "memoryBytes": 1073741824 } }""", "job", "submit", "-")).Refused().ShouldContain("coers");
    }

    [Fact]
    public async Task Capacity_projects_and_audit_are_those_of_the_api()
    {
        using Osv admin = Osv.Administrator(site);
        (await admin.RunAsync("capacity", "-o", "json")).Succeeded().Json.TryGetProperty("largestInOneCell", out _).ShouldBeTrue();
        (await admin.RunAsync("capacity")).Succeeded().Output.ShouldContain("fits in one NUMA cell:");
        string project = Site.Unique("p"), user = Site.Unique("u");
        (await site.NewUserAsync(user)).Dispose();
        (await admin.RunAsync("project", "create", project)).Succeeded();
        (await admin.RunAsync("project", "quota", project, "--cores", "8", "--memory", "16GiB")).Succeeded().Output.ShouldContain("16GiB");
        (await admin.RunAsync("project", "quota", project, "--cores", "unlimited", "-o", "json")).Succeeded();
        JsonElement quota = (await admin.RunAsync("project", "quota", project, "-o", "json")).Succeeded().Json;
        quota.GetProperty("cores").ValueKind.ShouldBe(JsonValueKind.Null);
        quota.GetProperty("memoryBytes").GetInt64().ShouldBe(16L << 30, "what is not named stays");
        (await admin.RunAsync("project", "add-member", project, user, "--role", "viewer")).Succeeded();
        (await admin.RunAsync("project", "members", project)).Succeeded().Output.ShouldContain("Viewer");
        (await admin.RunAsync("project", "remove-member", project, user)).Succeeded();
        (await admin.RunAsync("project", "members", project)).Succeeded().Output.ShouldNotContain(user);
        (await admin.RunAsync("project", "show", project)).Succeeded().Output.ShouldContain("0B of 16GiB");
        (await admin.RunAsync("project", "delete", project)).Succeeded();
        (await admin.RunAsync("audit", "list", "--action", "project.delete", "--limit", "500")).Succeeded().Output.ShouldContain(project);
        (await admin.RunAsync("audit", "verify")).Succeeded().Output.ShouldContain("intact");
    }

    private async Task<(string Node, Guid Id, Guid Tenant)> NodeWithTenantAsync()
    {
        string project = await site.NewProjectAsync(), prefix = Site.Unique("n");
        await site.NewImageAsync(project);
        Guid[] ids = await site.Seed.NodesAsync(2, new NodeShape(), prefix);
        await site.Database.ExecuteAsync("INSERT INTO node_desired (node_id, intent, changed_by, changed_at) VALUES ($1, 'Serve', 'test', now())", ids[0]);
        Guid tenant = await site.NewTenantAsync(project, "mover");
        await site.PlaceAsync(tenant, ids[0], [0, 1]);
        return ($"{prefix}-0", ids[0], tenant);
    }
}
