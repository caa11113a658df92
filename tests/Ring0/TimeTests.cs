using System.Globalization;

namespace Osv.Ring0.Tests;

/// <summary>What must not take long, by the node's own clock.</summary>
public sealed class TimeTests
{
    private const double RestartLimit = 2000, FaultLimit = 100;

    [Fact]
    public async Task A_gibibyte_restarts_within_2_seconds_and_a_failure_is_an_event_within_100_milliseconds()
    {
        string payload = NodeImages.Payload("times", "cloud-6.12", options: $"monitor-code={await MonitorSymbols.AddressesAsync("monitor_exit", "world_loop")}");
        string serial = await EmulatedNode.RunAsync("times", NodeShape.Direct(payload, "4", "2560M"));
        serial.ShouldContain("DRIVER done");
        Figures(serial, "fault.ms").ShouldAllBe(milliseconds => milliseconds < FaultLimit);
        double[] restarts = Figures(serial, "restart.ms");
        Array.Sort(restarts);
        restarts[restarts.Length / 2].ShouldBeLessThan(RestartLimit, $"median of {string.Join(", ", restarts)}");
    }

    private static double[] Figures(string serial, string name)
    {
        double[] values = [.. serial.Split('\n').Where(line => line.StartsWith($"FIGURE {name} ", StringComparison.Ordinal))
            .Select(line => double.Parse(line.Split(' ')[2], CultureInfo.InvariantCulture))];
        values.ShouldNotBeEmpty(name);
        return values;
    }
}
