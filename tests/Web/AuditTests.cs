using System.Text.Json;

namespace Osv.Web.Tests;

public sealed class AuditTests(Site site)
{
    [Fact]
    public async Task Every_change_has_an_entry_with_actor_subject_and_project()
    {
        string project = await site.NewProjectAsync();
        await site.NewImageAsync(project);
        await site.NewTenantAsync(project, "audited");
        await site.Administrator.PostAsync($"/api/v1/tenants/audited/stop?project={project}");
        JsonElement[] entries = await OfAsync(site.Administrator, project);
        entries.Select(entry => entry.GetProperty("action").GetString()).ShouldBe(["tenant.stop", "tenant.create", "image.create", "project.create"]);
        entries[1].GetProperty("actor").GetString().ShouldBe("admin (token login)");
        entries[1].GetProperty("subject").GetString().ShouldBe("audited");
        entries[1].GetProperty("detail").GetProperty("cores").GetInt32().ShouldBe(2);
    }

    [Fact]
    public async Task A_refused_change_is_on_record_too()
    {
        string project = await site.NewProjectAsync(), other = await site.NewProjectAsync();
        using Api viewer = await site.NewMemberAsync(project, "Viewer");
        string name = (await viewer.GetAsync("/api/v1/me")).Json.GetProperty("name").GetString()!;
        (await viewer.PostAsync("/api/v1/tenants", new { name = "x", project, image = "linux", cores = 1, memoryBytes = 1L << 30 })).Status.ShouldBe(403);
        (await viewer.DeleteAsync($"/api/v1/projects/{other}")).Status.ShouldBe(403);
        (await viewer.DeleteAsync($"/api/v1/images/unknown?project={project}")).Status.ShouldBe(404);
        Answer log = await site.Administrator.GetAsync($"/api/v1/audit?action=request.refuse&actor={Uri.EscapeDataString($"{name} (token login)")}");
        log.Json.GetProperty("items").EnumerateArray().Select(entry => (entry.GetProperty("subject").GetString(), entry.GetProperty("detail").GetProperty("status").GetInt32()))
            .ShouldBe([("DELETE /api/v1/images/unknown", 404), ($"DELETE /api/v1/projects/{other}", 403), ("POST /api/v1/tenants", 403)]);
    }

    [Fact]
    public async Task A_forged_token_is_on_record_and_a_bare_request_is_not()
    {
        long before = await RefusalsAsync();
        using Api nobody = site.Anonymous();
        (await nobody.PostAsync("/api/v1/tenants", new { })).Status.ShouldBe(401);
        using var forger = new Api(site.Address, "osv_forged");
        string path = $"/api/v1/tenants/{Site.Unique("t")}/stop";
        (await forger.PostAsync(path)).Status.ShouldBe(401);
        (await site.Database.QueryAsync<long>("SELECT count(*) FROM audit_entries WHERE action = 'request.refuse' AND subject = $1 AND actor = 'unknown token'", $"POST {path}")).ShouldBe(1);
        (await site.Database.QueryAsync<long>("SELECT count(*) FROM audit_entries WHERE subject = 'POST /api/v1/tenants' AND actor = 'anonymous'")).ShouldBe(0);
        (await RefusalsAsync()).ShouldBeGreaterThan(before);
    }

    [Fact]
    public async Task Owners_see_what_happened_in_their_project_and_viewers_nothing()
    {
        string project = await site.NewProjectAsync();
        using Api owner = await site.NewMemberAsync(project, "Owner"), viewer = await site.NewMemberAsync(project, "Viewer");
        Answer seen = await owner.GetAsync("/api/v1/audit?limit=500");
        seen.Json.GetProperty("items").EnumerateArray().ShouldAllBe(entry => entry.GetProperty("project").GetString() == project);
        seen.Json.GetProperty("items").GetArrayLength().ShouldBe(3);
        (await viewer.GetAsync("/api/v1/audit")).Json.GetProperty("items").GetArrayLength().ShouldBe(0);
    }

    [Fact]
    public async Task The_chain_verifies()
    {
        Answer verdict = await site.Administrator.GetAsync("/api/v1/audit/verify");
        verdict.Json.GetProperty("intact").GetBoolean().ShouldBeTrue(verdict.Text);
        verdict.Json.GetProperty("entries").GetInt64().ShouldBeGreaterThan(0);
    }

    private static async Task<JsonElement[]> OfAsync(Api reader, string project) =>
        [.. (await reader.GetAsync("/api/v1/audit?limit=500")).Json.GetProperty("items").EnumerateArray().Where(entry => entry.GetProperty("project").GetString() == project)];

    private Task<long> RefusalsAsync() => site.Database.QueryAsync<long>("SELECT count(*) FROM audit_entries WHERE action = 'request.refuse'");
}
