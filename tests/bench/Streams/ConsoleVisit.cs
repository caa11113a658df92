using System.Globalization;
using Microsoft.Playwright;

namespace Osv.Bench.Streams;

/// <summary>An operator with a browser who looks for nodes. Times are the page's own, from its clock, up to the frame that shows the rows.</summary>
internal sealed class ConsoleVisit : IAsyncDisposable
{
    private const string Program = "/usr/bin/chromium";

    /// <summary>Notes when the table first has rows, and when it shows nothing but rows that fit after something was typed.</summary>
    private const string Watch =
        """
        (() => {
          const rows = () => [...document.querySelectorAll('main table.list tbody tr')].filter(row => row.cells.length > 1);
          const painted = done => requestAnimationFrame(() => setTimeout(() => done(performance.now())));
          window.bench = { first: null, typed: null, want: null, filtered: null };
          document.addEventListener('input', () => { window.bench.typed = performance.now(); window.bench.filtered = null; }, true);
          const look = () => {
            const b = window.bench;
            if (b.first === null && rows().length > 0) { b.first = 0; painted(at => b.first = at); }
            if (b.typed !== null && b.filtered === null && b.want !== null && rows().length > 0 && rows().every(row => row.cells[0].textContent.includes(b.want))) { b.filtered = 0; painted(at => b.filtered = at); }
          };
          new MutationObserver(look).observe(document, { childList: true, subtree: true, characterData: true });
        })();
        """;

    private readonly IPlaywright _playwright;
    private readonly IBrowser _browser;
    private readonly IPage _page;

    private ConsoleVisit(IPlaywright playwright, IBrowser browser, IPage page) => (_playwright, _browser, _page) = (playwright, browser, page);

    public static async Task<ConsoleVisit> SignInAsync(Uri site, string password)
    {
        if (!File.Exists(Program)) throw new FileNotFoundException($"{Program} is missing: './osv test integration' installs it");
        IPlaywright playwright = await Playwright.CreateAsync();
        IBrowser browser = await playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = Program,
            Args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
        });
        IPage page = await browser.NewPageAsync(new BrowserNewPageOptions { BaseURL = site.ToString(), ViewportSize = new ViewportSize { Width = 1360, Height = 860 } });
        await page.AddInitScriptAsync(Watch);
        await page.GotoAsync("/sign-in");
        await page.GetByLabel("User name").FillAsync("admin");
        await page.GetByLabel("Password").FillAsync(password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await page.Locator("main h1").First.WaitForAsync();
        return new ConsoleVisit(playwright, browser, page);
    }

    /// <summary>Loads the list of nodes anew; from the request of the page to the first frame with rows.</summary>
    public async Task<double> FirstPaintAsync()
    {
        await _page.GotoAsync("/nodes");
        return await ReadAsync("first");
    }

    /// <summary>Types into the field that finds nodes; from the last key to the frame that shows those that fit and no others.</summary>
    public async Task<double> FilterAsync(string name)
    {
        ILocator find = _page.GetByLabel("Find");
        await _page.EvaluateAsync("name => { window.bench.want = name; window.bench.typed = null; window.bench.filtered = null; }", name);
        await find.FillAsync(name);
        double shown = await ReadAsync("filtered");
        return shown - await _page.EvaluateAsync<double>("() => window.bench.typed");
    }

    /// <summary>What the page says about how many there are.</summary>
    public Task<string> CountAsync() => _page.Locator(".filters span.muted").InnerTextAsync();

    public Task PictureAsync(string file) => _page.ScreenshotAsync(new PageScreenshotOptions { Path = file });

    private async Task<double> ReadAsync(string what)
    {
        await _page.WaitForFunctionAsync(string.Create(CultureInfo.InvariantCulture, $"() => window.bench.{what} > 0"));
        return await _page.EvaluateAsync<double>($"() => window.bench.{what}");
    }

    public async ValueTask DisposeAsync()
    {
        await _browser.DisposeAsync();
        _playwright.Dispose();
    }
}
