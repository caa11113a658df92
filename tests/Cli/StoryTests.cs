using System.Diagnostics;
using Osv.Database.Testing;
using Osv.Web.Tests;

namespace Osv.Cli.Tests;

/// <summary>The scripts in docs/stories hold against the real control plane and scheduler. The e2e suite runs them on nodes that really boot.</summary>
public sealed class StoryTests(Site site)
{
    [Theory]
    [InlineData("cli.sh")]
    [InlineData("rest.sh")]
    public async Task A_story_of_the_documentation_holds(string script)
    {
        await using PlayedCloud cloud = await PlayedCloud.StartAsync(site);
        Outcome told = await TellAsync(cloud, script, "debian-12");
        told.Status.ShouldBe(0, told.Output + told.Error);
        told.Output.ShouldEndWith("The story holds.\n");
    }

    [Theory]
    [InlineData("cli.sh")]
    [InlineData("rest.sh")]
    public async Task A_story_stops_at_the_first_thing_that_does_not_hold(string script)
    {
        await using PlayedCloud cloud = await PlayedCloud.StartAsync(site);
        Outcome told = await TellAsync(cloud, script, "no-such-image");
        told.Status.ShouldNotBe(0);
        told.Error.ShouldContain("there is no image 'no-such-image'");
        told.Error.ShouldContain($"{script}: stopped at \"a tenant with 2 cores and 512 MiB from no-such-image comes to run\"");
        told.Output.ShouldNotContain("crashes");
    }

    private static async Task<Outcome> TellAsync(PlayedCloud cloud, string script, string image)
    {
        using var somebody = new Osv(cloud.Address, cloud.Token)
        {
            ["OSV_IMAGE"] = image,
            ["OSV_PATIENCE"] = "60",
            ["OSV_PLAYED"] = "yes",
        };
        somebody["OSV_KERNEL"] = somebody.File("vmlinuz", TestKernel.Make());
        somebody["OSV_INITRD"] = somebody.File("initrd", [1, 2, 3]);
        somebody["OSV"] = somebody.Program("osv", $"exec dotnet {Path.Combine(AppContext.BaseDirectory, "osv.dll")} \"$@\"");
        using Process process = somebody.StartProgram("bash", Path.Combine(RepositoryRoot, "docs", "stories", script));
        process.StandardInput.Close();
        return await Osv.EndAsync(process);
    }

    private static string RepositoryRoot => typeof(StoryTests).Assembly.GetCustomAttributes(typeof(System.Reflection.AssemblyMetadataAttribute), false)
        .Cast<System.Reflection.AssemblyMetadataAttribute>().Single(data => data.Key == "RepositoryRoot").Value!;
}
