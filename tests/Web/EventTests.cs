using System.Text.Json;

namespace Osv.Web.Tests;

public sealed class EventTests(Site site)
{
    [Fact]
    public async Task A_watcher_hears_of_transitions_and_acts_in_their_projects_only()
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        string mine = await site.NewProjectAsync(), other = await site.NewProjectAsync();
        await site.NewImageAsync(mine);
        await site.NewImageAsync(other);
        using Api viewer = await site.NewMemberAsync(mine, "Viewer");
        using HttpResponseMessage response = await viewer.OpenAsync("/api/v1/events");
        using var stream = new StreamReader(await response.Content.ReadAsStreamAsync(cancel));
        (await stream.ReadLineAsync(cancel)).ShouldBe("event: alive", "the stream says at once that it listens");
        await site.NewTenantAsync(other, "hidden");
        await site.NewTenantAsync(mine, "seen");
        var heard = new List<string>();
        while (heard.Count < 2)
        {
            JsonElement next = await stream.DataAsync(cancel);
            next.GetProperty("name").GetString().ShouldNotBe("hidden");
            if (next.GetProperty("name").GetString() == "seen") heard.Add(next.GetProperty("what").GetString()!);
        }
        heard.Order().ShouldBe(["Pending", "tenant.create"]);
    }
}
