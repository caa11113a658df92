using System.Net;

namespace Osv.Web.Tests;

public sealed class SessionTests(Site site)
{
    private const string Password = "correct horse battery";

    [Fact]
    public async Task A_form_without_the_antiforgery_token_opens_no_session()
    {
        using HttpClient browser = Browser();
        using HttpResponseMessage refused = await browser.PostAsync("/api/v1/session", Form(("userName", "admin"), ("password", site.AdministratorPassword)), Cancel);
        refused.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        refused.Headers.Contains("Set-Cookie").ShouldBeFalse();
    }

    [Fact]
    public async Task A_session_cookie_is_closed_to_scripts_and_serves_the_api_for_reading()
    {
        using HttpClient browser = Browser();
        using HttpResponseMessage signedIn = await SignInAsync(browser, "admin", site.AdministratorPassword, "/nodes?view=racks");
        signedIn.StatusCode.ShouldBe(HttpStatusCode.Redirect);
        signedIn.Headers.Location!.OriginalString.ShouldBe("/nodes?view=racks");
        string cookie = signedIn.Headers.GetValues("Set-Cookie").Single(text => text.StartsWith("osv-session=", StringComparison.Ordinal));
        cookie.ShouldContain("httponly");
        cookie.ShouldContain("samesite=lax");
        using HttpResponseMessage me = await browser.GetAsync("/api/v1/me", Cancel);
        me.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_change_with_a_cookie_needs_the_antiforgery_header()
    {
        string project = await site.NewProjectAsync();
        using HttpClient browser = Browser();
        (await SignInAsync(browser, "admin", site.AdministratorPassword)).Dispose();
        using HttpResponseMessage refused = await browser.DeleteAsync($"/api/v1/projects/{project}", Cancel);
        refused.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        (await site.Administrator.GetAsync($"/api/v1/projects/{project}")).Status.ShouldBe(200);
        string token = System.Text.Json.JsonElement.Parse(await browser.GetStringAsync("/api/v1/session/antiforgery", Cancel)).GetProperty("token").GetString()!;
        using var request = new HttpRequestMessage(HttpMethod.Delete, $"/api/v1/projects/{project}") { Headers = { { "X-Osv-Antiforgery", token } } };
        using HttpResponseMessage done = await browser.SendAsync(request, Cancel);
        done.StatusCode.ShouldBe(HttpStatusCode.NoContent);
    }

    [Theory]
    [InlineData("https://elsewhere.example/")]
    [InlineData("//elsewhere.example/")]
    [InlineData("/\\elsewhere.example/")]
    public async Task A_sign_in_never_leads_to_another_site(string target)
    {
        using HttpClient browser = Browser();
        using HttpResponseMessage signedIn = await SignInAsync(browser, "admin", site.AdministratorPassword, target);
        signedIn.Headers.Location!.OriginalString.ShouldBe("/");
    }

    [Fact]
    public async Task A_changed_password_or_a_disabled_account_ends_what_was_open()
    {
        string name = Site.Unique("leaver");
        using Api token = await site.NewUserAsync(name);
        using HttpClient browser = Browser();
        (await SignInAsync(browser, name, Password)).Dispose();
        (await token.PostAsync("/api/v1/me/password", new { currentPassword = Password, newPassword = "another horse battery" })).Status.ShouldBe(204);
        using HttpResponseMessage ended = await browser.GetAsync("/api/v1/me", Cancel);
        ended.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        (await token.GetAsync("/api/v1/me")).Status.ShouldBe(200, "a token is its own secret");
        (await site.Administrator.PatchAsync($"/api/v1/users/{name}", new { disabled = true })).Status.ShouldBe(200);
        (await token.GetAsync("/api/v1/me")).Status.ShouldBe(401);
    }

    [Fact]
    public async Task Wrong_passwords_lock_the_account_for_a_while_and_are_on_record()
    {
        string name = Site.Unique("victim");
        (await site.NewUserAsync(name)).Dispose();
        using Api anyone = site.Anonymous();
        for (int i = 0; i < 10; i++) (await anyone.PostAsync("/api/v1/login", new { userName = name, password = $"wrong-{i}" })).Status.ShouldBe(401);
        (await anyone.PostAsync("/api/v1/login", new { userName = name, password = Password })).Detail.ShouldContain("locked");
        Answer log = await site.Administrator.GetAsync("/api/v1/audit?action=session.refuse&limit=500");
        log.Json.GetProperty("items").EnumerateArray().Count(entry => entry.GetProperty("subject").GetString() == name).ShouldBe(11);
    }

    [Fact]
    public async Task Sign_out_everywhere_ends_the_other_sessions()
    {
        string name = Site.Unique("twice");
        (await site.NewUserAsync(name)).Dispose();
        using HttpClient first = Browser(), second = Browser();
        (await SignInAsync(first, name, Password)).Dispose();
        (await SignInAsync(second, name, Password)).Dispose();
        string form = await first.GetStringAsync("/sign-out", Cancel);
        (await first.PostAsync("/api/v1/session/end", Form(("everywhere", "yes"), ("__RequestVerificationToken", TokenIn(form))), Cancel)).StatusCode.ShouldBe(HttpStatusCode.Redirect);
        (await second.GetAsync("/api/v1/me", Cancel)).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task A_page_leads_strangers_to_the_sign_in()
    {
        using HttpClient browser = Browser();
        browser.DefaultRequestHeaders.Accept.ParseAdd("text/html");
        using HttpResponseMessage answer = await browser.GetAsync("/nodes", Cancel);
        answer.StatusCode.ShouldBe(HttpStatusCode.Redirect);
        answer.Headers.Location!.ToString().ShouldContain("/sign-in?returnUrl=%2Fnodes");
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private HttpClient Browser() => new(new HttpClientHandler { AllowAutoRedirect = false, CookieContainer = new CookieContainer() }) { BaseAddress = site.Address };

    private static FormUrlEncodedContent Form(params (string Name, string Value)[] fields) => new(fields.Select(field => KeyValuePair.Create(field.Name, field.Value)));

    private static async Task<HttpResponseMessage> SignInAsync(HttpClient browser, string user, string password, string returnUrl = "/")
    {
        string page = await browser.GetStringAsync("/sign-in", Cancel);
        return await browser.PostAsync("/api/v1/session", Form(("userName", user), ("password", password), ("returnUrl", returnUrl), ("__RequestVerificationToken", TokenIn(page))), Cancel);
    }

    private static string TokenIn(string page) => System.Text.RegularExpressions.Regex.Match(page, "name=\"__RequestVerificationToken\" value=\"([^\"]+)\"").Groups[1].Value;
}
