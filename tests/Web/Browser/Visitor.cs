using Microsoft.Playwright;

namespace Osv.Web.Tests.Browser;

/// <summary>Someone with a browser who notices everything that goes wrong in it.</summary>
public sealed class Visitor : IAsyncDisposable
{
    private readonly List<string> _complaints = [];
    private readonly IBrowserContext _window;
    private readonly Uri _site;

    private Visitor(Uri site, IBrowserContext window, IPage page) => (_site, _window, Page) = (site, window, page);

    public IPage Page { get; }

    public static async Task<Visitor> ArriveAsync(Chromium chromium, Uri site, bool dark = false)
    {
        IBrowserContext window = await chromium.OpenAsync(site, dark);
        var visitor = new Visitor(site, window, await window.NewPageAsync());
        visitor.Page.Console += (_, message) =>
        {
            if (message.Type == "error") visitor._complaints.Add($"console: {message.Text}");
        };
        visitor.Page.PageError += (_, error) => visitor._complaints.Add($"script: {error}");
        visitor.Page.Request += (_, request) =>
        {
            if (!request.Url.StartsWith(site.ToString(), StringComparison.Ordinal) && !request.Url.StartsWith("data:", StringComparison.Ordinal)) visitor._complaints.Add($"leaves the site: {request.Url}");
        };
        visitor.Page.Response += (_, response) =>
        {
            if (response.Status >= 500) visitor._complaints.Add($"{response.Status}: {response.Url}");
        };
        return visitor;
    }

    public async Task SignInAsync(string user, string password)
    {
        await Page.GotoAsync("/sign-in");
        await Page.GetByLabel("User name").FillAsync(user);
        await Page.GetByLabel("Password").FillAsync(password);
        await Page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        // Where the page is counts, not which events its loading has fired.
        await Assertions.Expect(Page).ToHaveURLAsync(_site.ToString(), new() { Timeout = 30_000 });
        await ReadyAsync();
    }

    /// <summary>Opens a page and waits until it shows what it read.</summary>
    public async Task VisitAsync(string path)
    {
        await Page.GotoAsync(path);
        await ReadyAsync();
    }

    public async Task ReadyAsync()
    {
        await Page.Locator("main h1").First.WaitForAsync();
        await Assertions.Expect(Page.Locator("main .mud-skeleton")).ToHaveCountAsync(0, new() { Timeout = 30_000 });
    }

    public Task PictureAsync(string name) => Page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(Chromium.Pictures, $"{name}.png"), FullPage = true, Animations = ScreenshotAnimations.Disabled });

    public void ShouldBeContent() => _complaints.ShouldBeEmpty();

    public async ValueTask DisposeAsync() => await _window.DisposeAsync();
}
