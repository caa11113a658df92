using System.Net;
using System.Net.Sockets;
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

    /// <summary>PostgreSQL has died, and another program has taken its port before it came back.</summary>
    [Fact]
    public async Task A_database_that_comes_back_on_another_port_is_found()
    {
        JsonElement before = (await StatusAsync()).GetProperty("database");
        int port = before.GetProperty("port").GetInt32(), process = before.GetProperty("processId").GetInt32();
        (await Shell.RunAsync("kill", ["-QUIT", $"{process}"], new Dictionary<string, string>(), TimeSpan.FromSeconds(10))).Status.ShouldBe(0);
        await CloudFixture.UntilAsync(() => Task.FromResult(!Directory.Exists($"/proc/{process}")), TimeSpan.FromSeconds(30), "PostgreSQL to end");
        using (var other = new TcpListener(IPAddress.Loopback, port))
        {
            other.Start();
            Ended up = await cloud.OsvAsync("up");
            up.Status.ShouldBe(0, up.ToString());
        }
        (await StatusAsync()).GetProperty("database").GetProperty("port").GetInt32().ShouldNotBe(port);
        (await cloud.GetAsync("nodes")).GetProperty("items").EnumerateArray().ShouldAllBe(node => node.GetProperty("state").GetString() == "Ready");
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
