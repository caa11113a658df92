namespace Osv.Web.Tests;

public sealed class TokenTests(Site site)
{
    [Fact]
    public async Task A_token_may_do_what_its_scopes_say_and_no_more()
    {
        using Api reader = await TokenAsync(["tenants:read"]);
        (await reader.GetAsync("/api/v1/tenants")).Status.ShouldBe(200);
        (await reader.GetAsync("/api/v1/images")).Status.ShouldBe(403);
        (await reader.PostAsync("/api/v1/tenants", new { name = "a", image = "b", cores = 1, memoryBytes = 1L << 30 })).Status.ShouldBe(403);
    }

    [Fact]
    public async Task A_token_for_one_project_does_not_see_the_others_whoever_made_it()
    {
        string mine = await site.NewProjectAsync(), other = await site.NewProjectAsync();
        using Api bound = await TokenAsync(["*"], mine);
        (await bound.GetAsync($"/api/v1/projects/{mine}")).Status.ShouldBe(200);
        (await bound.GetAsync($"/api/v1/projects/{other}")).Status.ShouldBe(404);
        (await bound.GetAsync("/api/v1/nodes")).Status.ShouldBe(403);
        (await bound.PostAsync("/api/v1/users", new { name = "x", password = "y" })).Status.ShouldBe(403);
        (await bound.GetAsync("/api/v1/projects")).Json.GetProperty("items").GetArrayLength().ShouldBe(1);
    }

    [Fact]
    public async Task A_token_cannot_make_one_that_may_do_more()
    {
        using Api weak = await TokenAsync(["access:write", "tenants:read"]);
        (await weak.PostAsync("/api/v1/tokens", new { name = "more", scopes = new[] { "*" } })).Status.ShouldBe(403);
        (await weak.PostAsync("/api/v1/tokens", new { name = "equal", scopes = new[] { "tenants:read" } })).Status.ShouldBe(201);
        string project = await site.NewProjectAsync(), other = await site.NewProjectAsync();
        using Api bound = await TokenAsync(["*"], project);
        Answer child = await bound.PostAsync("/api/v1/tokens", new { name = "child", scopes = new[] { "*" } });
        using var born = new Api(site.Address, child.Json.GetProperty("token").GetString());
        (await born.GetAsync($"/api/v1/projects/{other}")).Status.ShouldBe(404);
    }

    [Fact]
    public async Task A_revoked_or_expired_token_is_no_token()
    {
        Answer made = await site.Administrator.PostAsync("/api/v1/tokens", new { name = "short", scopes = new[] { "*" }, expiresInDays = 1 });
        string id = made.Json.GetProperty("id").GetString()!;
        using var token = new Api(site.Address, made.Json.GetProperty("token").GetString());
        (await token.GetAsync("/api/v1/me")).Status.ShouldBe(200);
        (await token.DeleteAsync($"/api/v1/tokens/{id}")).Status.ShouldBe(204);
        (await token.GetAsync("/api/v1/me")).Status.ShouldBe(401);
        using Api late = await TokenAsync(["*"]);
        await site.Database.ExecuteAsync("UPDATE api_tokens SET created_at = now() - interval '2 days', expires_at = now() - interval '1 second' WHERE token_sha256 = sha256($1)", System.Text.Encoding.UTF8.GetBytes(late.Token!));
        (await late.GetAsync("/api/v1/me")).Status.ShouldBe(401);
    }

    [Fact]
    public async Task The_database_holds_no_token_in_the_clear()
    {
        using Api token = await TokenAsync(["*"]);
        (await site.Database.QueryAsync<long>("SELECT count(*) FROM api_tokens t WHERE t::text LIKE '%' || $1 || '%'", token.Token!)).ShouldBe(0);
        Answer list = await site.Administrator.GetAsync("/api/v1/tokens");
        list.Text.ShouldNotContain(token.Token!);
    }

    [Theory]
    [InlineData("""{"name":"t","scopes":["tenants:own"]}""", "tenants:own")]
    [InlineData("""{"name":"t","scopes":[]}""", "at least one scope")]
    [InlineData("""{"name":"t","scopes":["*"],"expiresInDays":367}""", "366")]
    public async Task Mistakes_in_a_token_are_explained(string body, string says) =>
        (await site.Administrator.PostAsync("/api/v1/tokens", body)).Detail.ShouldContain(says);

    private async Task<Api> TokenAsync(string[] scopes, string? project = null)
    {
        Answer made = await site.Administrator.PostAsync("/api/v1/tokens", new { name = Site.Unique("token"), project, scopes });
        made.Status.ShouldBe(201, made.Text);
        return new Api(site.Address, made.Json.GetProperty("token").GetString());
    }
}
