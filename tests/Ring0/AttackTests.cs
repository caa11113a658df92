using System.Text.RegularExpressions;

namespace Osv.Ring0.Tests;

/// <summary>A hostile tenant in ring 0 beside a working one, against the shipped image.</summary>
public sealed partial class AttackTests
{
    [Fact]
    public async Task No_attack_from_ring_0_reaches_beyond_its_partition()
    {
        string serial = await RunAsync("attack-cases");
        serial.ShouldContain("PASS no case of the attack reaches beyond its partition");
        Groups(serial).ShouldBe(["ApicRegisters 257", "ControlRegisters 61", "Cpuid 135", "Icr 634", "Instructions 134", "IoApic 109", "LocalVectors 152", "Modes 14", "Msr 1274", "Ports 276"]);
    }

    [Fact]
    public async Task No_register_and_no_port_reaches_beyond_its_partition()
    {
        // A million exits.
        string serial = await RunAsync("attack-sweeps");
        serial.ShouldContain("PASS no register and no port reaches beyond its partition");
        Groups(serial).ShouldBe(["MsrSweep 544", "PortSweep 192"]);
    }

    [Fact]
    public async Task An_attack_on_memory_stops_its_partition_and_leaves_nothing_behind()
    {
        string serial = await RunAsync("attack-endings");
        serial.ShouldContain("PASS a partition that reaches beyond its memory is stopped, and the event says where");
        serial.ShouldContain("PASS nothing of an owner is left for the next");
        Groups(serial).ShouldBe(["Endings 149", "Residue 66"]);
    }

    [Fact]
    public async Task Storms_of_interrupts_and_exits_stay_within_their_partition()
    {
        string serial = await RunAsync("attack-storms");
        serial.ShouldContain("PASS a parked core is not taken for a hanging one");
        serial.ShouldContain("PASS a hang is told: Spinning");
        serial.ShouldContain("PASS a hang is told: Dead");
        serial.ShouldContain("PASS storms stay within their partition and end when partition 0 says so");
    }

    [Fact]
    public async Task Cores_that_end_their_partition_at_once_and_while_partition_0_stops_it_end_it_once()
    {
        string serial = await RunAsync("attack-races");
        serial.ShouldContain("PASS two cores that end their partition at once end it once");
        serial.ShouldContain("PASS a partition that is stopped at any moment stops once and starts again");
    }

    [Fact]
    public async Task Tens_of_thousands_of_random_control_requests_harm_nobody()
    {
        string serial = await RunAsync("attack-control", managementCores: 2);
        serial.ShouldContain("PASS random requests get defined answers, and a refused one changes nothing");
        serial.ShouldContain("PASS a request that changes while it is looked at gets a defined answer");
        serial.ShouldContain("PASS all cores, memory and tables can be had again");
        serial.ShouldContain("PASS the monitor works on with 28 kinds of nonsense in what it shows");
        serial.ShouldContain("PASS nonsense that comes while the monitor writes is overcome");
    }

    /// <summary>Names of the groups that the driver counted, each with at least one case and none that failed.</summary>
    /// <summary>Name and number of cases, all of them good: a group that ends early has fewer.</summary>
    private static string[] Groups(string serial)
    {
        List<Match> groups = [.. GroupLine().Matches(serial).Cast<Match>()];
        groups.ShouldAllBe(group => group.Groups["bad"].Value == "0");
        return [.. groups.Select(group => $"{group.Groups["name"].Value} {group.Groups["ok"].Value}").Order(StringComparer.Ordinal)];
    }

    private static async Task<string> RunAsync(string scenario, int managementCores = 1)
    {
        string payload = NodeImages.Payload(scenario, "cloud-6.12", options: $"monitor-code={await MonitorSymbols.AddressesAsync("monitor_exit", "world_loop")}");
        NodeShape shape = NodeShape.Direct(payload, $"{3 + managementCores}", "1G", $"p0.cores={managementCores} p0.memory=384M");
        string serial = await EmulatedNode.RunAsync(scenario, shape);
        serial.ShouldContain("DRIVER done");
        serial.ShouldNotContain("osv-monitor: panic");
        serial.ShouldNotContain("osv-monitor: fault");
        // What partition 0's Linux says of an interrupt that nobody should have sent it.
        serial.ShouldNotContain("No irq handler");
        return serial;
    }

    [GeneratedRegex(@"CASES (?<name>\w+) ok=(?<ok>\d+) FAIL=(?<bad>\d+)")]
    private static partial Regex GroupLine();
}
