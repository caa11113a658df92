namespace Osv.Web.Tests;

public sealed class ProjectTests(Site site)
{
    [Fact]
    public async Task A_member_sees_their_projects_and_nothing_of_others()
    {
        string mine = await site.NewProjectAsync(), other = await site.NewProjectAsync();
        using Api viewer = await site.NewMemberAsync(mine, "Viewer");
        Answer list = await viewer.GetAsync("/api/v1/projects");
        list.Json.GetProperty("items").EnumerateArray().Select(project => project.GetProperty("name").GetString()).ShouldBe([mine]);
        Answer hidden = await viewer.GetAsync($"/api/v1/projects/{other}"), absent = await viewer.GetAsync("/api/v1/projects/no-such-project");
        hidden.Status.ShouldBe(404);
        hidden.Detail.Replace(other, "X", StringComparison.Ordinal).ShouldBe(absent.Detail.Replace("no-such-project", "X", StringComparison.Ordinal), "nothing tells what exists from what does not");
    }

    [Fact]
    public async Task The_last_owner_stays()
    {
        string project = await site.NewProjectAsync();
        (await site.Administrator.DeleteAsync($"/api/v1/projects/{project}/members/admin")).Detail.ShouldContain("last owner");
        (await site.Administrator.PutAsync($"/api/v1/projects/{project}/members/admin", new { role = "Viewer" })).Status.ShouldBe(409);
        using Api owner = await site.NewMemberAsync(project, "Owner");
        (await owner.DeleteAsync($"/api/v1/projects/{project}/members/admin")).Status.ShouldBe(204);
        (await owner.GetAsync($"/api/v1/projects/{project}/members")).Json.GetArrayLength().ShouldBe(1);
    }

    [Fact]
    public async Task Only_an_empty_project_is_deleted()
    {
        string project = await site.NewProjectAsync();
        string image = await site.NewImageAsync(project);
        (await site.Administrator.DeleteAsync($"/api/v1/projects/{project}")).Detail.ShouldContain("1 images");
        await site.Administrator.DeleteAsync($"/api/v1/images/{image}");
        (await site.Administrator.DeleteAsync($"/api/v1/projects/{project}")).Status.ShouldBe(204);
        (await site.Administrator.GetAsync($"/api/v1/projects/{project}")).Status.ShouldBe(404);
    }

    [Fact]
    public async Task Two_administrators_do_not_overwrite_each_others_quota()
    {
        string project = await site.NewProjectAsync();
        Answer seen = await site.Administrator.GetAsync($"/api/v1/projects/{project}/quota");
        (await site.Administrator.PutAsync($"/api/v1/projects/{project}/quota", new { cores = 10 }, ("If-Match", seen.Tag!))).Status.ShouldBe(200);
        (await site.Administrator.PutAsync($"/api/v1/projects/{project}/quota", new { cores = 20 }, ("If-Match", seen.Tag!))).Status.ShouldBe(412);
        Answer now = await site.Administrator.GetAsync($"/api/v1/projects/{project}/quota");
        now.Json.GetProperty("cores").GetInt64().ShouldBe(10);
        (await site.Administrator.PutAsync($"/api/v1/projects/{project}/quota", new { cores = -1 })).Status.ShouldBe(400);
    }
}
