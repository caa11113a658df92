namespace Osv.Web.Tests;

public sealed class IdempotencyTests(Site site)
{
    [Fact]
    public async Task A_repeated_request_gets_the_first_answer_and_has_one_effect()
    {
        string project = await site.NewProjectAsync();
        await site.NewImageAsync(project);
        Guid tenant = await site.NewTenantAsync(project, "once");
        await site.PlaceAsync(tenant, (await site.Seed.NodesAsync(1, new Osv.Database.Testing.NodeShape(), Site.Unique("n")))[0], [0, 1]);
        (string, string) key = ("Idempotency-Key", Site.Unique("key"));
        Answer first = await site.Administrator.PostAsync($"/api/v1/tenants/{tenant}/reboot", null, key), second = await site.Administrator.PostAsync($"/api/v1/tenants/{tenant}/reboot", null, key);
        first.Status.ShouldBe(200, first.Text);
        second.Status.ShouldBe(200);
        second.Text.ShouldBe(first.Text);
        second.Headers.GetValues("Idempotent-Replayed").ShouldBe(["true"]);
        (await site.Database.QueryAsync<int>("SELECT reboots FROM tenant_desired WHERE tenant_id = $1", tenant)).ShouldBe(1);
    }

    [Fact]
    public async Task The_same_key_for_another_request_is_an_error()
    {
        (string, string) key = ("Idempotency-Key", Site.Unique("key"));
        (await site.Administrator.PostAsync("/api/v1/projects", new { name = Site.Unique("p") }, key)).Status.ShouldBe(201);
        Answer refused = await site.Administrator.PostAsync("/api/v1/projects", new { name = Site.Unique("p") }, key);
        refused.Status.ShouldBe(422);
        refused.Detail.ShouldContain("choose a new one");
    }

    [Fact]
    public async Task A_refused_request_may_be_tried_again_with_its_key()
    {
        (string, string) key = ("Idempotency-Key", Site.Unique("key"));
        (await site.Administrator.PostAsync("/api/v1/projects", new { name = "No Name" }, key)).Status.ShouldBe(400);
        (await site.Administrator.PostAsync("/api/v1/projects", new { name = Site.Unique("p") }, key)).Status.ShouldBe(201);
    }

    [Fact]
    public async Task Requests_at_the_same_time_have_one_effect()
    {
        string name = Site.Unique("p");
        (string, string) key = ("Idempotency-Key", name);
        Answer[] answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => site.Administrator.PostAsync("/api/v1/projects", new { name }, key)));
        answers.ShouldAllBe(answer => answer.Status == 201 || answer.Status == 409);
        answers.ShouldContain(answer => answer.Status == 201);
        (await site.Database.QueryAsync<long>("SELECT count(*) FROM audit_entries WHERE action = 'project.create' AND subject = $1", name)).ShouldBe(1);
    }
}
