using Osv.Web.Tests.Browser;

namespace Osv.EndToEnd.Tests;

/// <summary>The same story for programs: the scripts of docs/stories, as they are there.</summary>
public sealed class StoryScripts(CloudFixture cloud)
{
    [Theory]
    [InlineData("cli.sh")]
    [InlineData("rest.sh")]
    public async Task The_script_runs_to_its_end(string script)
    {
        Dictionary<string, string> environment = cloud.Environment();
        environment["OSV_SERVER"] = cloud.Console.GetLeftPart(UriPartial.Authority);
        environment["OSV_TOKEN"] = cloud.Token;
        environment["PATH"] = $"{Chromium.Repository}:{Environment.GetEnvironmentVariable("PATH")}";
        environment["OSV_KERNEL"] = Path.Combine(Chromium.Repository, "artifacts", "kernels", "cloud-6.12", "vmlinuz");
        environment["OSV_INITRD"] = Path.Combine(Chromium.Repository, "artifacts", "images", "busybox", "initrd");
        Ended ended = await Shell.RunAsync("bash", [Path.Combine(Chromium.Repository, "docs", "stories", script)], environment, TimeSpan.FromMinutes(15));
        await File.WriteAllTextAsync(Path.Combine(CloudFixture.Logs, $"{script}.log"), ended.ToString(), TestContext.Current.CancellationToken);
        try
        {
            ended.Status.ShouldBe(0, ended.ToString());
        }
        catch (Exception failure)
        {
            await cloud.ClearAfterAsync(failure);
            throw;
        }
    }
}
