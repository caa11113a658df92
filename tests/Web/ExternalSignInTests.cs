using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;

namespace Osv.Web.Tests;

/// <summary>Sign-in through an OpenID Connect provider.</summary>
public sealed class ExternalSignInTests(Site site)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Someone_new_gets_an_account_without_any_right_and_the_same_one_the_next_time()
    {
        await using IdentityProvider provider = await IdentityProvider.StartAsync();
        await using WebApplication host = await StartAsync(provider, createUsers: true);
        provider.UserName = Site.Unique("guest");
        for (int visit = 0; visit < 2; visit++)
        {
            using HttpClient browser = Browser(host);
            (await SignInAsync(browser)).ShouldBe("/nodes", await site.Database.QueryAsync<string>("SELECT detail::text FROM audit_entries WHERE action LIKE 'session.%' ORDER BY sequence DESC LIMIT 1"));
            JsonElement me = JsonElement.Parse(await browser.GetStringAsync("/api/v1/me", Cancel));
            me.GetProperty("name").GetString().ShouldBe(provider.UserName);
            me.GetProperty("siteRole").GetString().ShouldBe("None");
        }
        (await site.Database.QueryAsync<long>("SELECT count(*) FROM audit_entries WHERE action = 'user.create' AND subject = $1", provider.UserName)).ShouldBe(1);
        (await site.Database.QueryAsync<long>("SELECT count(*) FROM audit_entries WHERE action = 'session.begin' AND subject = $1", provider.UserName)).ShouldBe(2);
    }

    [Fact]
    public async Task A_local_account_is_not_taken_over_because_a_provider_knows_the_same_name()
    {
        await using IdentityProvider provider = await IdentityProvider.StartAsync();
        await using WebApplication host = await StartAsync(provider, createUsers: true);
        provider.UserName = "admin";
        using HttpClient browser = Browser(host);
        (await SignInAsync(browser)).ShouldBe("/sign-in?failed=external");
        (await browser.GetAsync("/api/v1/me", Cancel)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Strangers_stay_outside_unless_accounts_are_made_for_them_and_a_forged_token_opens_nothing()
    {
        await using IdentityProvider provider = await IdentityProvider.StartAsync();
        await using WebApplication closed = await StartAsync(provider, createUsers: false), open = await StartAsync(provider, createUsers: true);
        provider.UserName = Site.Unique("stranger");
        using HttpClient browser = Browser(closed), victim = Browser(open);
        (await SignInAsync(browser)).ShouldBe("/sign-in?failed=external");
        provider.Forges = true;
        (await SignInAsync(victim)).ShouldBe("/sign-in?failed=external");
        (await site.Database.QueryAsync<long>("SELECT count(*) FROM users WHERE user_name = $1", provider.UserName)).ShouldBe(0);
    }

    private Task<WebApplication> StartAsync(IdentityProvider provider, bool createUsers) => site.StartAsync(
        $"--Osv:Oidc:Authority={provider.Address}", $"--Osv:Oidc:ClientId={IdentityProvider.ClientId}", $"--Osv:Oidc:ClientSecret={IdentityProvider.ClientSecret}", $"--Osv:Oidc:CreateUsers={createUsers}");

    private static HttpClient Browser(WebApplication host) => new(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = new CookieContainer() }) { BaseAddress = new Uri(host.Urls.Single()) };

    /// <summary>Goes to the provider and back as a browser does.</summary>
    /// <returns>Where it leads in the end.</returns>
    private static async Task<string> SignInAsync(HttpClient browser)
    {
        using HttpResponseMessage begin = await browser.GetAsync("/api/v1/session/external?returnUrl=/nodes", Cancel);
        begin.StatusCode.ShouldBe(HttpStatusCode.Redirect, await begin.Content.ReadAsStringAsync(Cancel));
        using HttpResponseMessage provider = await browser.GetAsync(begin.Headers.Location, Cancel);
        using HttpResponseMessage back = await browser.GetAsync(provider.Headers.Location, Cancel);
        back.StatusCode.ShouldBe(HttpStatusCode.Redirect, await back.Content.ReadAsStringAsync(Cancel));
        string next = back.Headers.Location!.OriginalString;
        if (!next.Contains("/external/back", StringComparison.Ordinal)) return next;
        using HttpResponseMessage end = await browser.GetAsync(next, Cancel);
        return end.Headers.Location!.OriginalString;
    }
}
