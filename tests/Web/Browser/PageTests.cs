using Microsoft.Playwright;

namespace Osv.Web.Tests.Browser;

/// <summary>Every page in both themes: it shows what is there, breaks nothing, asks nobody outside, and leaves a picture.</summary>
public sealed class PageTests(Site site, Chromium chromium)
{
    private static (string Picture, Func<Exhibit, string> Path, string Shows)[] Pages =>
    [
        ("overview", _ => "/", "Largest tenants that fit now"),
        ("nodes", _ => "/nodes", "Cores in use"),
        ("racks", _ => "/nodes?view=racks", "Rack"),
        ("node", e => $"/nodes/{e.Node}", "NUMA cells"),
        ("node-partitions", e => $"/nodes/{e.Node}?tab=partitions", "web-0"),
        ("node-boot", e => $"/nodes/{e.Node}?tab=boot", "waits for the agent to enrol"),
        ("node-devices", e => $"/nodes/{e.Node}?tab=devices", "Vendor and device"),
        ("node-health", e => $"/nodes/{e.Node}?tab=health", "No report is open"),
        ("node-states", e => $"/nodes/{e.Node}?tab=states", "Ready"),
        ("node-events", e => $"/nodes/{e.Node}?tab=events", "TripleFault"),
        ("node-log", e => $"/nodes/{e.Node}?tab=log", "the image was fetched"),
        ("tenants", e => $"/tenants?find={e.Project}", "web-0"),
        ("tenants-none", _ => "/tenants?find=nothing-has-this-name", "No tenant fits"),
        ("tenant", e => $"/tenants/{e.Project}/{e.Tenant}", "Way through its states"),
        ("tenant-console", e => $"/tenants/{e.Project}/{e.Tenant}?tab=console", "live"),
        ("tenant-cores", e => $"/tenants/{e.Project}/{e.Tenant}?tab=cores", "2-3"),
        // The last word is in the legend that is drawn with the chart.
        ("tenant-exits", e => $"/tenants/{e.Project}/{e.Tenant}?tab=exits", "UTC"),
        ("tenant-events", e => $"/tenants/{e.Project}/{e.Tenant}?tab=events", "The agent reports running"),
        ("tenant-missing", e => $"/tenants/{e.Project}/nobody", "There is no tenant 'nobody'"),
        ("tenant-new", _ => "/tenants/new", "Create and start"),
        ("images", e => $"/images?find={e.Project}", "linux"),
        ("image-upload", _ => "/images/new", "Kernel (bzImage)"),
        ("jobs", e => $"/jobs?find={e.Project}", "batch"),
        ("job", e => $"/jobs/{e.Project}/{e.Job}", "7 lack 16 free cores"),
        ("job-replicas", e => $"/jobs/{e.Project}/{e.Job}?tab=replicas", "web-3"),
        ("job-specification", e => $"/jobs/{e.Project}/{e.Job}?tab=specification", "memoryBytes"),
        ("job-schedule", e => $"/jobs/{e.Project}/nightly?tab=schedule", "Europe/Berlin"),
        ("job-new", _ => "/jobs/new", "Submit"),
        ("projects", _ => "/projects", "default"),
        ("project", e => $"/projects/{e.Project}", "Members"),
        ("users", _ => "/users", "admin"),
        ("account", _ => "/account", "API tokens"),
        ("audit", _ => "/audit", "tenant.create"),
    ];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Every_page_shows_what_is_there(bool dark)
    {
        Exhibit exhibit = await Exhibit.MakeAsync(site);
        string theme = dark ? "dark" : "light";
        await using Visitor visitor = await Visitor.ArriveAsync(chromium, site.Address, dark);
        await visitor.Page.GotoAsync("/tenants");
        await visitor.Page.WaitForURLAsync("**/sign-in?returnUrl=*");
        await visitor.PictureAsync($"sign-in-{theme}");
        await visitor.SignInAsync("admin", site.AdministratorPassword);
        foreach ((string picture, Func<Exhibit, string> path, string shows) in Pages)
        {
            await visitor.VisitAsync(path(exhibit));
            await Assertions.Expect(visitor.Page.Locator("main")).ToContainTextAsync(shows, new() { Timeout = 15_000 });
            await visitor.PictureAsync($"{picture}-{theme}");
        }
        await visitor.Page.GotoAsync("/docs");
        await visitor.Page.GetByText("Exchange a password for a token").First.WaitForAsync();
        foreach (string other in new[] { "Ask AI", "Share", "Generate SDK", "Open API Client" }) (await visitor.Page.GetByText(other, new() { Exact = false }).CountAsync()).ShouldBe(0, $"the page offers {other}");
        await visitor.PictureAsync($"docs-{theme}");
        visitor.ShouldBeContent();
        await visitor.Page.GotoAsync("/sign-out");
        await visitor.PictureAsync($"sign-out-{theme}");
        visitor.ShouldBeContent();
        // Last, because a browser complains about every answer that is an error.
        IResponse? missing = await visitor.Page.GotoAsync("/no-such-page");
        missing!.Status.ShouldBe(404);
        await Assertions.Expect(visitor.Page.Locator("h1")).ToHaveTextAsync("There is no such page");
        await visitor.PictureAsync($"not-found-{theme}");
    }
}
