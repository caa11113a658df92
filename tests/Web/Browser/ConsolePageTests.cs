using System.Text;
using System.Threading.Channels;
using Microsoft.Playwright;
using Osv.Database.Testing;

namespace Osv.Web.Tests.Browser;

/// <summary>The console of a tenant, used with a keyboard.</summary>
public sealed class ConsolePageTests(Site site, Chromium chromium)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_member_reads_the_backlog_types_and_sees_the_echo_and_leaves_by_keyboard(bool dark)
    {
        (string project, Guid tenant) = await TenantAsync();
        ChannelReader<byte[]> typed = site.Keyboards.Connect(tenant);
        await site.PrintAsync(tenant, "\x1b[1;32mbooted\x1b[0m\r\nlogin: ");
        await using Visitor visitor = await Visitor.ArriveAsync(chromium, site.Address, dark);
        await visitor.SignInAsync("admin", site.AdministratorPassword);
        await visitor.VisitAsync($"/tenants/{project}/typed?tab=console");
        ILocator status = visitor.Page.Locator(".console-status");
        await Assertions.Expect(status).ToHaveTextAsync("live");
        // The terminal has the keyboard at once.
        await visitor.Page.Keyboard.TypeAsync("root");
        await visitor.Page.Keyboard.PressAsync("Tab");
        await visitor.Page.Keyboard.PressAsync("Control+c");
        await visitor.Page.Keyboard.PressAsync("ArrowUp");
        var bytes = new List<byte>();
        while (bytes.Count < 9) bytes.AddRange(await typed.ReadAsync(Cancel));
        Encoding.ASCII.GetString([.. bytes]).ShouldBe("root\t\x03\x1b[A");
        await site.PrintAsync(tenant, "root\r\n# echo from the tenant\r\n# ");
        await Assertions.Expect(visitor.Page.Locator(".xterm-accessibility")).ToContainTextAsync("echo from the tenant");
        await visitor.PictureAsync($"console-typed-{(dark ? "dark" : "light")}");
        await visitor.Page.Keyboard.PressAsync("Shift+F6");
        await Assertions.Expect(visitor.Page.GetByText("Download the log")).ToBeFocusedAsync();
        site.Keyboards.Disconnect(tenant);
        await visitor.Page.Locator(".tenant-terminal").ClickAsync();
        await visitor.Page.Keyboard.TypeAsync("x");
        await Assertions.Expect(status).ToContainTextAsync("no server of this site has a connection to node");
        await visitor.PictureAsync($"console-refused-{(dark ? "dark" : "light")}");
        visitor.ShouldBeContent();
    }

    [Fact]
    public async Task A_viewer_watches_only()
    {
        (string project, Guid tenant) = await TenantAsync();
        ChannelReader<byte[]> typed = site.Keyboards.Connect(tenant);
        string name = Site.Unique("watcher");
        (await site.NewUserAsync(name)).Dispose();
        (await site.Administrator.PutAsync($"/api/v1/projects/{project}/members/{name}", new { role = "Viewer" })).Status.ShouldBe(200);
        await using Visitor visitor = await Visitor.ArriveAsync(chromium, site.Address);
        await visitor.SignInAsync(name, "correct horse battery");
        await visitor.VisitAsync($"/tenants/{project}/typed?tab=console");
        await Assertions.Expect(visitor.Page.Locator(".console-status")).ToHaveTextAsync("live, read-only");
        await Assertions.Expect(visitor.Page.GetByText("It has printed nothing yet.")).ToBeVisibleAsync();
        await visitor.PictureAsync("console-viewer-light");
        await site.PrintAsync(tenant, "now it has\r\n");
        await Assertions.Expect(visitor.Page.Locator(".xterm-accessibility")).ToContainTextAsync("now it has");
        await Assertions.Expect(visitor.Page.GetByText("It has printed nothing yet.")).ToBeHiddenAsync();
        await visitor.Page.Locator(".tenant-terminal").ClickAsync();
        await visitor.Page.Keyboard.TypeAsync("rm -rf /");
        await site.PrintAsync(tenant, "after the typing\r\n");
        await Assertions.Expect(visitor.Page.Locator(".xterm-accessibility")).ToContainTextAsync("after the typing");
        typed.TryRead(out _).ShouldBeFalse();
        visitor.ShouldBeContent();
    }

    private async Task<(string Project, Guid Tenant)> TenantAsync()
    {
        string project = await site.NewProjectAsync();
        await site.NewImageAsync(project);
        Guid tenant = await site.NewTenantAsync(project, "typed");
        Guid[] nodes = await site.Seed.NodesAsync(1, new NodeShape(), Site.Unique("n"));
        await site.PlaceAsync(tenant, nodes[0], [0, 1]);
        return (project, tenant);
    }
}
