using System.Text.Json;

namespace Osv.EndToEnd.Tests;

public sealed class UpTests(CloudFixture cloud)
{
    [Fact]
    public async Task Up_again_changes_nothing_and_takes_seconds()
    {
        JsonElement before = await StatusAsync();
        Ended again = await cloud.OsvAsync("up");
        again.Status.ShouldBe(0, again.ToString());
        again.Output.ShouldNotContain("password");
        again.Took.ShouldBeLessThan(TimeSpan.FromSeconds(60), again.ToString());
        JsonElement after = await StatusAsync();
        after.GetProperty("controlPlane").GetProperty("processId").GetInt32().ShouldBe(before.GetProperty("controlPlane").GetProperty("processId").GetInt32());
        after.GetProperty("nodes").GetArrayLength().ShouldBe(CloudFixture.Nodes);
    }

    [Fact]
    public async Task Status_names_what_runs_with_addresses_versions_and_health()
    {
        JsonElement status = await StatusAsync();
        JsonElement plane = status.GetProperty("controlPlane");
        plane.GetProperty("ready").GetBoolean().ShouldBeTrue();
        new Uri(plane.GetProperty("address").GetString()!).ShouldBe(cloud.Console);
        plane.GetProperty("version").GetString().ShouldNotBeNullOrEmpty();
        status.GetProperty("database").GetProperty("running").GetBoolean().ShouldBeTrue();
        foreach (JsonElement node in status.GetProperty("nodes").EnumerateArray())
        {
            node.GetProperty("state").GetString().ShouldBe("Ready");
            node.GetProperty("agentVersion").GetString().ShouldNotBeNullOrEmpty();
        }
    }

    [Theory]
    [InlineData("--nodes 3 --memory 900GiB", "free")]
    [InlineData("--nodes 101", "give 0 to 100")]
    public async Task What_this_machine_cannot_carry_is_refused_in_one_sentence(string options, string words)
    {
        Ended refused = await cloud.OsvAsync(["up", .. options.Split(' ')]);
        refused.Status.ShouldBe(1, refused.ToString());
        refused.Errors.ShouldContain(words);
        refused.Errors.Trim().ShouldNotContain("\n");
        (await StatusAsync()).GetProperty("nodes").GetArrayLength().ShouldBe(CloudFixture.Nodes, "a refused up leaves nothing behind");
    }

    private async Task<JsonElement> StatusAsync()
    {
        Ended status = await cloud.OsvAsync("status", "-o", "json");
        status.Status.ShouldBe(0, status.ToString());
        return JsonDocument.Parse(status.Output).RootElement.Clone();
    }
}
