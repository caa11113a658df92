using System.Text.RegularExpressions;
using Osv.Contracts.Node;

namespace Osv.Node.Tests;

/// <summary>What happens around a tenant is not noticed by it, and nothing is forgotten.</summary>
public sealed partial class FaultTests(NodeFixture fixture)
{
    [Fact]
    public async Task A_tenant_outlives_the_agent_the_management_Linux_and_the_stream()
    {
        await using Rack rack = await Rack.StartAsync(fixture, "faults");
        rack.Node.Want(rack.Tenant("t1", 2));
        await rack.UntilSaysAsync("t1", "t1-host is up on 1 cores");
        await rack.AnswersAsync("t1");
        ulong started = rack.Node.Partition("t1")!.StartedUnixMs;

        rack.Plane.Registry.CutStreams();
        await rack.UntilAsync(() => rack.Node.Connections >= 2 && rack.Node.Connected, Rack.Patience, "the stream to come back");
        await rack.AnswersAsync("t1");
        rack.Node.Sessions.ShouldBe(1);

        await rack.Machine.TypeAsync(string.Empty);
        await rack.ManagementAsync("kill -9 $(pidof osv-agent)");
        await rack.UntilAsync(() => rack.Node.Sessions >= 2 && rack.Node.Connected, Rack.BootTime, "a new agent");
        await rack.AnswersAsync("t1");

        await rack.Machine.TypeAsync("echo c > /proc/sysrq-trigger");
        await rack.UntilAsync(() => rack.Node.Sessions >= 3 && rack.Node.Inventory!.ManagementRestarts == 1, Rack.BootTime, "a new management Linux");
        await rack.AnswersAsync("t1");
        rack.Node.Events.ShouldContain(one => one.Kind == EventKind.ManagementRestarted);

        ObservedPartition seen = rack.Node.Partition("t1")!;
        seen.Phase.ShouldBe(PartitionPhase.Running);
        seen.StartedUnixMs.ShouldBe(started);
        rack.Node.Enrolments.ShouldBe(1);
        rack.Node.Faults.ShouldBeEmpty();

        // And it can still be ended, with all it had.
        rack.Node.Want();
        await rack.UntilAsync(() => rack.Node.Observed.Partitions.Count == 0, Rack.Patience, "the tenant to be gone");
    }

    [Fact]
    public async Task Ends_of_all_kinds_are_told_with_their_cause_and_followed_by_the_restart_policy()
    {
        await using Rack rack = await Rack.StartAsync(fixture, "ends");
        DesiredPartition wanted = rack.Tenant("t1", 2);
        wanted.Restart = RestartPolicy.Always;
        rack.Node.Want(wanted, rack.Tenant("t2", 3));
        await rack.UntilSaysAsync("t1", "t1-host is up");
        await rack.UntilSaysAsync("t2", "t2-host is up");

        rack.Node.Type("t1", "reboot -f\n");
        await rack.UntilAsync(() => rack.Node.Partition("t1") is { Restarts: 1, Phase: PartitionPhase.Running }, Rack.Patience, "the reboot");
        rack.Node.Events.ShouldContain(one => one.TenantId == "t1" && one.Kind == EventKind.Stopped && one.Cause == "Reset");

        await rack.UntilAsync(() => rack.Node.Console("t1").Split("t1-host is up").Length == 3, Rack.Patience, "the shell after it");
        rack.Node.Type("t1", "poweroff -f\n");
        await rack.UntilAsync(() => rack.Node.Partition("t1") is { Restarts: 2, Phase: PartitionPhase.Running }, Rack.Patience, "the start after a power-off");
        rack.Node.Events.ShouldContain(one => one.TenantId == "t1" && one.Kind == EventKind.Stopped && one.Cause == "PowerOff");

        // Never means never: it stays down, and says why.
        rack.Node.Type("t2", "poweroff -f\n");
        await rack.UntilPhaseAsync("t2", PartitionPhase.Stopped);
        rack.Node.Partition("t2")!.Reason.ShouldContain("PowerOff");

        DesiredPartition bad = rack.Tenant("t3", 1);
        bad.Image.Kernel = rack.Plane.AddImage(new byte[10_000]);
        rack.Node.Want(wanted, bad);
        await rack.UntilPhaseAsync("t3", PartitionPhase.Invalid);
        rack.Node.Partition("t3")!.Reason.ShouldContain("not a bzImage");
        await rack.UntilAsync(() => rack.Node.Partition("t2") is null, Rack.Patience, "t2 to be gone");
        rack.Node.Faults.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_clock_that_jumps_an_image_cut_off_half_way_and_exhausted_memory_disturb_no_tenant()
    {
        await using Rack rack = await Rack.StartAsync(fixture, "trouble", memory: "3G");
        DesiredPartition first = rack.Tenant("t1", 2), second = rack.Tenant("t2", 3);
        rack.Node.Want(first);
        await rack.UntilSaysAsync("t1", "t1-host is up on 1 cores");
        ulong started = rack.Node.Partition("t1")!.StartedUnixMs;
        await rack.Machine.TypeAsync(string.Empty);

        // Years ahead and back: certificates seem to have ended, or not to have begun.
        foreach (string year in (string[])["2046", "2001"])
        {
            int connections = rack.Node.Connections;
            (await rack.ManagementAsync($"date -u -s '{year}-06-01 00:00:00'")).ShouldContain($"Jun  1 00:00:00 UTC {year}");
            rack.Plane.Registry.CutStreams();
            await rack.UntilAsync(() => rack.Node.Connections > connections && rack.Node.Connected, Rack.Patience, $"the node to come back in {year}");
            await rack.AnswersAsync("t1");
        }

        // The second tenant's kernel is one that the node has not fetched yet; the server hangs up three times.
        byte[] kernel = [.. fixture.TenantKernel, .. new byte[512]];
        second.Image.Kernel = rack.Plane.AddImage(kernel);
        foreach (long bytes in (long[])[1 << 20, 3 << 20, 7 << 20]) rack.Plane.BreakImagesAfter.Enqueue(bytes);
        rack.Node.Want(first, second);
        await rack.UntilSaysAsync("t2", "t2-host is up on 1 cores");
        rack.Plane.BreakImagesAfter.ShouldBeEmpty();

        // Where nothing can be kept the same agent goes on, and a tenant starts; its console is read once there is room.
        string agent = await AgentAsync(rack);
        (await rack.ManagementAsync("cat /dev/zero > /run/fill")).ShouldContain("No space left");
        rack.Node.Want(first, second, rack.Tenant("t3", 1));
        await rack.UntilPhaseAsync("t3", PartitionPhase.Running);
        await rack.AnswersAsync("t1");
        (await AgentAsync(rack)).ShouldBe(agent);
        rack.Node.Console("t3").ShouldBeEmpty();
        await rack.ManagementAsync("busybox rm /run/fill");
        await rack.UntilSaysAsync("t3", "t3-host is up on 1 cores");
        rack.Node.Want(first, second);
        await rack.UntilAsync(() => rack.Node.Partition("t3") is null, Rack.Patience, "t3 to be gone");

        // The file systems are memory: they are filled, and a program takes what is left.
        await rack.Machine.TypeAsync("cat /dev/zero > /fill; cat /dev/zero > /run/fill; tail /dev/zero");
        await rack.UntilAsync(() => rack.Node.Inventory!.ManagementRestarts == 1 && rack.Node.Connected, Rack.BootTime, "a new management Linux");
        foreach (string tenant in (string[])["t1", "t2"])
        {
            await rack.AnswersAsync(tenant);
            rack.Node.Partition(tenant)!.Restarts.ShouldBe(0u);
        }
        rack.Node.Partition("t1")!.StartedUnixMs.ShouldBe(started);
        rack.Node.Enrolments.ShouldBe(1);
        rack.Node.Faults.ShouldBeEmpty();
        rack.Node.Want();
        await rack.UntilAsync(() => rack.Node.Observed.Partitions.Count == 0, Rack.Patience, "both tenants to be gone");
    }

    /// <summary>Number of the agent's process.</summary>
    private static async Task<string> AgentAsync(Rack rack)
    {
        Match number = OwnLine().Match(await rack.ManagementAsync("pidof osv-agent"));
        number.Success.ShouldBeTrue();
        return number.Value.Trim();
    }

    [GeneratedRegex(@"^\d+\r?$", RegexOptions.Multiline)]
    private static partial Regex OwnLine();
}
