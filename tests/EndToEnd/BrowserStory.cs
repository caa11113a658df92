using System.Diagnostics;
using Microsoft.Playwright;
using Osv.Web.Tests.Browser;

namespace Osv.EndToEnd.Tests;

/// <summary>The main job, by a person with a browser.</summary>
public sealed class BrowserStory(CloudFixture cloud, Chromium chromium)
{
    private static readonly TimeSpan s_boot = TimeSpan.FromMinutes(4), s_soon = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task From_a_booted_node_to_machines_on_cores_of_their_own_and_back_to_nothing()
    {
        await using var person = new Operator(await Visitor.ArriveAsync(chromium, cloud.Console));
        await person.SignInAsync(CloudFixture.User, cloud.Password);
        try
        {
            await ANodeBootedAsync(person);
            await AMachineOnItsOwnCoresAsync(person);
            await OnlyInterruptsLeaveItAsync();
            await ACrashIsSeenAndMendedAsync(person);
            await AKernelOfOnesOwnAsync(person);
            await WhatDoesNotFitIsExplainedAsync(person);
            await AJobWithAntiAffinityAsync(person);
            await ANodeIsDrainedAsync(person);
            await NothingIsLeftAsync(person);
        }
        catch (Exception failure)
        {
            await cloud.ClearAfterAsync(failure);
            throw;
        }
        person.ShouldBeContent();
    }

    private static async Task ANodeBootedAsync(Operator person)
    {
        await person.VisitAsync("/nodes/node1?tab=boot");
        await person.StateAsync("Ready", s_soon);
        foreach (string step in (string[])["Script", "Image", "Monitor", "Agent"]) await person.ShowsAsync(step);
        await person.PictureAsync("node-boot");
    }

    private static async Task AMachineOnItsOwnCoresAsync(Operator person)
    {
        await CreateAsync(person, "first", "debian-12", cores: 2, mebibytes: 512);
        await person.StateAsync("Running", s_boot);
        foreach (string state in (string[])["Placed", "Loading", "Running"]) await person.ShowsAsync(state);
        await person.PictureAsync("tenant-timeline");
        await person.VisitAsync("/tenants/default/first?tab=console");
        await person.TerminalShowsAsync("root@first:", s_boot);
        await person.TypeAsync("echo \"cores $(nproc)\" && awk '/MemTotal/ { print \"memory\", int($2 / 1024) }' /proc/meminfo");
        await person.TerminalShowsAsync("cores 2", s_soon);
        await Assertions.Expect(person.Page.Locator(".tenant-terminal .xterm-rows")).ToContainTextAsync(new System.Text.RegularExpressions.Regex("memory (3[5-9]\\d|4\\d\\d|50\\d)"));
        await person.PictureAsync("tenant-console");
    }

    /// <summary>While it prints nothing, nothing of its own but writes to the interrupt command register leaves it; NMIs are the node's health probe.</summary>
    private async Task OnlyInterruptsLeaveItAsync()
    {
        IReadOnlyDictionary<string, long> before = await cloud.ExitsAsync("first"), after = before;
        bool quiet = false;
        for (var clock = Stopwatch.StartNew(); !quiet && clock.Elapsed < s_boot; )
        {
            // The node tells its counters every ten seconds.
            await Task.Delay(TimeSpan.FromSeconds(11), TestContext.Current.CancellationToken);
            (before, after) = (after, await cloud.ExitsAsync("first"));
            quiet = after.GetValueOrDefault("Console") == before.GetValueOrDefault("Console") && after.GetValueOrDefault("Icr") > before.GetValueOrDefault("Icr");
        }
        quiet.ShouldBeTrue($"'first' never ran for ten seconds without printing; its exits were {string.Join(", ", before)} and then {string.Join(", ", after)}");
        foreach ((string reason, long count) in after.Where(exit => exit.Key is not ("Icr" or "Nmi"))) count.ShouldBe(before.GetValueOrDefault(reason), $"exits by {reason}");
    }

    private static async Task ACrashIsSeenAndMendedAsync(Operator person)
    {
        await person.VisitAsync("/tenants/default/first?tab=exits");
        await person.ShowsAsync("Icr");
        // The legend comes with the chart.
        await Assertions.Expect(person.Page.Locator(".chart .u-legend")).ToBeVisibleAsync(new() { Timeout = (float)s_soon.TotalMilliseconds });
        await person.PictureAsync("tenant-exits");
        await person.VisitAsync("/tenants/default/first?tab=console");
        await person.TypeAsync("echo c > /proc/sysrq-trigger");
        await person.TerminalShowsAsync("Kernel panic", s_soon);
        await person.VisitAsync("/tenants/default/first");
        await person.ShowsAsync("Crashed", s_soon);
        await person.StateAsync("Running", s_boot);
        await person.ShowsAsync("Ended by Panic");
        await person.PictureAsync("tenant-restarted");
        await person.VisitAsync("/tenants/default/first?tab=console");
        await person.TerminalShowsAsync("root@first:", s_boot);
    }

    private static async Task AKernelOfOnesOwnAsync(Operator person)
    {
        string images = Path.Combine(Chromium.Repository, "artifacts");
        await person.VisitAsync("/images/new");
        await person.FillAsync("Name", "mine");
        await person.ChooseAsync("Project", "default");
        await person.Page.Locator("input[name=kernel]").SetInputFilesAsync(Path.Combine(images, "kernels", "cloud-6.12", "vmlinuz"));
        await person.Page.Locator("input[name=initrd]").SetInputFilesAsync(Path.Combine(images, "images", "busybox", "initrd"));
        await person.FillAsync("Kernel command line", "console=ttyS0 quiet");
        await person.PressAsync("Upload");
        await person.ArrivesAsync("/images?find=mine");
        await CreateAsync(person, "second", "mine", cores: 1, mebibytes: 256);
        await person.StateAsync("Running", s_boot);
        await person.VisitAsync("/tenants/default/second?tab=console");
        await person.TerminalShowsAsync("second is up on 1 cores", s_boot);
    }

    private static async Task WhatDoesNotFitIsExplainedAsync(Operator person)
    {
        await CreateAsync(person, "giant", "busybox", cores: 64, mebibytes: 256);
        await person.ShowsAsync("2 nodes", s_soon);
        await person.ShowsAsync("64 free cores");
        await person.PictureAsync("tenant-pending");
        await person.PressAndConfirmAsync("Delete", "Delete");
    }

    private static async Task AJobWithAntiAffinityAsync(Operator person)
    {
        await person.VisitAsync("/jobs/new");
        await person.FillAsync("Name", "apart");
        await person.ChooseAsync("Image", "busybox");
        await person.FillAsync("Replicas", "3");
        await person.FillAsync("Cores of each", "1");
        await person.FillAsync("Memory of each, MiB", "128");
        await person.Page.GetByLabel("Each replica on a node of its own").CheckAsync();
        await person.PressAsync("Submit");
        await person.ArrivesAsync("/jobs/default/apart");
        await person.ShowsAsync("2 of 3", s_boot);
        await person.ShowsAsync("2 nodes", s_soon);
        await person.PictureAsync("job-explained");
    }

    private async Task ANodeIsDrainedAsync(Operator person)
    {
        await person.VisitAsync("/jobs/default/apart");
        await person.PressAndConfirmAsync("Cancel the job", "Cancel the job");
        // As long as they are there, its replicas have no other node to go to, and the dialog would say so.
        await CloudFixture.UntilAsync(async () => (await cloud.GetAsync("tenants")).GetProperty("items").GetArrayLength() == 2, s_boot, "the job's tenants to be gone");
        await person.VisitAsync("/nodes/node2");
        await person.PressAndConfirmAsync("Drain", "Drain");
        await person.StateAsync("Drained", s_boot);
        await person.PictureAsync("node-drained");
        await person.PressAsync("Uncordon");
        await person.StateAsync("Ready", s_soon);
    }

    private async Task NothingIsLeftAsync(Operator person)
    {
        foreach (string tenant in (string[])["first", "second"])
        {
            await person.VisitAsync($"/tenants/default/{tenant}");
            await person.PressAndConfirmAsync("Delete", "Delete");
        }
        await CloudFixture.UntilAsync(async () => (await cloud.GetAsync("tenants")).GetProperty("items").GetArrayLength() == 0, s_boot, "all tenants to be gone");
        await CloudFixture.UntilAsync(
            async () => (await cloud.GetAsync("nodes")).GetProperty("items").EnumerateArray().All(node => node.GetProperty("cores").GetInt32() == node.GetProperty("freeCores").GetInt32()
                && node.GetProperty("memoryBytes").GetInt64() == node.GetProperty("freeMemoryBytes").GetInt64()),
            s_soon, "all cores and memory to be free");
        await person.VisitAsync("/images");
        await person.VisitAsync("/");
        await person.PictureAsync("overview");
        (await cloud.OsvAsync("image", "delete", "mine", "--project", "default")).Status.ShouldBe(0);
    }

    private static async Task CreateAsync(Operator person, string name, string image, int cores, int mebibytes)
    {
        await person.VisitAsync("/tenants/new");
        await person.FillAsync("Name", name);
        await person.ChooseAsync("Image", image);
        await person.FillAsync("Cores", $"{cores}");
        await person.FillAsync("Memory, MiB", $"{mebibytes}");
        await person.PressAsync("Create and start");
        await person.ArrivesAsync($"/tenants/default/{name}");
    }
}
