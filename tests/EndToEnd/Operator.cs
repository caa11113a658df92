using System.Text.RegularExpressions;
using Microsoft.Playwright;
using Osv.Web.Tests.Browser;

namespace Osv.EndToEnd.Tests;

/// <summary>What a person does on the pages, in a person's words.</summary>
internal sealed class Operator(Visitor visitor) : IAsyncDisposable
{
    private int _pictures;

    public IPage Page => visitor.Page;

    public Task SignInAsync(string user, string password) => visitor.SignInAsync(user, password);

    public Task VisitAsync(string path) => visitor.VisitAsync(path);

    /// <summary>Waits until the browser is at a path.</summary>
    public Task ArrivesAsync(string path) => Assertions.Expect(Page).ToHaveURLAsync(new Regex($"{Regex.Escape(path)}$"), new() { Timeout = 60_000 });

    /// <summary>Keeps a picture, numbered in the order of the story.</summary>
    public Task PictureAsync(string name) =>
        Page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(CloudFixture.Logs, $"{++_pictures:00}-{name}.png"), FullPage = true, Animations = ScreenshotAnimations.Disabled });

    public Task FillAsync(string label, string text) => Page.GetByLabel(label, new() { Exact = true }).FillAsync(text);

    /// <summary>Opens a list by its label and takes an entry.</summary>
    public async Task ChooseAsync(string label, string entry)
    {
        await Page.GetByLabel(label, new() { Exact = true }).First.ClickAsync();
        await Page.Locator(".mud-popover-open .mud-list-item").Filter(new() { HasTextString = entry }).First.ClickAsync();
    }

    public Task PressAsync(string button) => Page.GetByRole(AriaRole.Button, new() { Name = button, Exact = true }).ClickAsync();

    /// <summary>Presses a button that asks back, agrees, and waits until the page says that it was done.</summary>
    public async Task PressAndConfirmAsync(string button, string yes)
    {
        await PressAsync(button);
        await Page.Locator(".mud-dialog").GetByRole(AriaRole.Button, new() { Name = yes, Exact = true }).ClickAsync();
        await Assertions.Expect(Page.Locator(".mud-snackbar").Filter(new() { HasTextString = "Noted" })).ToBeVisibleAsync(new() { Timeout = 30_000 });
    }

    /// <summary>Waits until the page's own state chip says so.</summary>
    public Task StateAsync(string state, TimeSpan most) =>
        Assertions.Expect(Page.Locator("main .head .chip")).ToHaveAttributeAsync("data-state", state, new() { Timeout = (float)most.TotalMilliseconds });

    public Task ShowsAsync(string text, TimeSpan? most = null) =>
        Assertions.Expect(Page.Locator("main")).ToContainTextAsync(text, new() { Timeout = (float)(most ?? TimeSpan.FromSeconds(20)).TotalMilliseconds });

    /// <summary>Types a line into the terminal.</summary>
    public async Task TypeAsync(string line)
    {
        await Assertions.Expect(Page.Locator(".console-status")).ToHaveAttributeAsync("data-state", "live", new() { Timeout = 30_000 });
        await Page.Locator(".tenant-terminal").ClickAsync();
        await Page.Keyboard.TypeAsync(line);
        await Page.Keyboard.PressAsync("Enter");
    }

    public Task TerminalShowsAsync(string text, TimeSpan most) =>
        Assertions.Expect(Page.Locator(".tenant-terminal .xterm-rows")).ToContainTextAsync(text, new() { Timeout = (float)most.TotalMilliseconds });

    public void ShouldBeContent() => visitor.ShouldBeContent();

    public ValueTask DisposeAsync() => visitor.DisposeAsync();
}
