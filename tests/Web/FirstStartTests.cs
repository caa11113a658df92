using Microsoft.AspNetCore.Builder;

namespace Osv.Web.Tests;

public sealed class FirstStartTests(Site site)
{
    [Fact]
    public async Task The_first_administrator_can_sign_in_with_the_printed_password_and_owns_the_default_project()
    {
        Answer me = await site.Administrator.GetAsync("/api/v1/me");
        me.Status.ShouldBe(200, me.Text);
        me.Json.GetProperty("name").GetString().ShouldBe("admin");
        me.Json.GetProperty("siteRole").GetString().ShouldBe("Administrator");
        Answer project = await site.Administrator.GetAsync("/api/v1/projects/default");
        project.Json.GetProperty("role").GetString().ShouldBe("Owner");
    }

    [Fact]
    public async Task The_password_is_printed_once_and_a_second_start_makes_nobody()
    {
        site.FirstOutput.Split(site.AdministratorPassword).Length.ShouldBe(2, "the password must be in the output exactly once");
        await using WebApplication second = await site.StartAsync("--Osv:FirstAdministrator=intruder");
        Answer users = await site.Administrator.GetAsync("/api/v1/users?limit=500");
        users.Text.ShouldNotContain("intruder");
        await second.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Health_is_told_to_anyone()
    {
        using Api anyone = site.Anonymous();
        (await anyone.GetAsync("/healthz")).Status.ShouldBe(200);
        (await anyone.GetAsync("/readyz")).Status.ShouldBe(200);
    }
}
