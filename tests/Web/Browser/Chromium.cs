using Microsoft.Playwright;
using Osv.Web.Tests.Browser;

[assembly: AssemblyFixture(typeof(Chromium))]

namespace Osv.Web.Tests.Browser;

/// <summary>Debian's Chromium, once for all tests; started by the first that needs it.</summary>
public sealed class Chromium : IAsyncLifetime
{
    private const string Program = "/usr/bin/chromium";

    private readonly SemaphoreSlim _starting = new(1);
    private IPlaywright? _playwright;
    private IBrowser? _browser;

    public static string Repository { get; } = RepositoryRoot();

    /// <summary>Where pictures of the pages go.</summary>
    public static string Pictures { get; } = Directory.CreateDirectory(Path.Combine(Repository, "artifacts", "test", "console")).FullName;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <summary>A window with cookies of its own.</summary>
    public async Task<IBrowserContext> OpenAsync(Uri site, bool dark)
    {
        await _starting.WaitAsync();
        try
        {
            if (_browser is null)
            {
                File.Exists(Program).ShouldBeTrue($"{Program} is missing: './osv test integration' installs it");
                _playwright = await Playwright.CreateAsync();
                _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
                {
                    ExecutablePath = Program,
                    Args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
                });
            }
        }
        finally
        {
            _starting.Release();
        }
        return await _browser.NewContextAsync(new BrowserNewContextOptions
        {
            BaseURL = site.ToString(), ColorScheme = dark ? ColorScheme.Dark : ColorScheme.Light, ViewportSize = new ViewportSize { Width = 1360, Height = 860 }, ReducedMotion = ReducedMotion.Reduce,
        });
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null) await _browser.DisposeAsync();
        _playwright?.Dispose();
        _starting.Dispose();
    }

    private static string RepositoryRoot()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "OSV.Cloud.sln"))) folder = Path.GetDirectoryName(folder);
        return folder ?? throw new InvalidOperationException($"{AppContext.BaseDirectory} is not inside the repository");
    }
}
