using System.Globalization;

namespace Osv.Ring0.Tests;

/// <summary>What must not take long, by the node's own clock.</summary>
[Collection(nameof(Alone))]
public sealed class TimeTests
{
    private const double FaultLimit = 100;

    [Fact]
    public async Task A_gibibyte_is_scrubbed_and_restarted_and_a_failure_is_an_event_within_100_milliseconds()
    {
        string payload = NodeImages.Payload("times", "cloud-6.12", options: $"monitor-code={await MonitorSymbols.AddressesAsync("monitor_exit", "world_loop")}");
        string serial = await EmulatedNode.RunAsync("times", NodeShape.Direct(payload, "4", "2560M"));
        serial.ShouldContain("DRIVER done");
        Figures(serial, "fault.ms").ShouldAllBe(milliseconds => milliseconds < FaultLimit);
        // How long that takes depends on how busy the host is: `./osv bench monitor` holds it against its bound.
        Figures(serial, "restart.ms").Length.ShouldBe(5);
    }

    private static double[] Figures(string serial, string name)
    {
        double[] values = [.. serial.Split('\n').Where(line => line.StartsWith($"FIGURE {name} ", StringComparison.Ordinal))
            .Select(line => double.Parse(line.Split(' ')[2], CultureInfo.InvariantCulture))];
        values.ShouldNotBeEmpty(name);
        return values;
    }
}
