using Osv.Cli.Bench;

namespace Osv.Placement.Bench;

/// <summary>Turns measurements into figures of the common report. Only the planner is judged: the other policies stand beside it.</summary>
internal static class Report
{
    /// <summary>Goals: 20,000 decisions a second on one thread, p99 below a millisecond.</summary>
    private const double MicrosecondsPerDecision = 1e6 / 20_000, P99Microseconds = 1000;

    public static IEnumerable<Figure> Of(Speed speed)
    {
        bool judged = speed.Policy == "planner";
        yield return new Figure($"{speed.Policy}, {speed.Load}: processor time of a decision", 1e6 / speed.PerCpuSecond, "us", judged ? MicrosecondsPerDecision : null,
            $"{speed.PerCpuSecond:N0}/s of processor time, {speed.DecisionsPerSecond:N0}/s by the clock, {speed.CyclesPerSecond:N0}/s by the clock with placing and removing; {speed.Decisions} decisions, {speed.Refused} refused, {speed.Nodes} nodes {speed.Full:P0} full");
        yield return new Figure($"{speed.Policy}, {speed.Load}: p99 of a decision", speed.P99, "us", judged ? P99Microseconds : null, $"by the clock; median {speed.Median:0.0} us, longest {speed.Max:N0} us");
    }

    public static IEnumerable<Figure> Of(Quality quality)
    {
        string name = $"{quality.Policy}, {quality.Mix} mix";
        yield return new Figure($"{name}: nodes over the bound at peak", 100.0 * (quality.PeakHosts - quality.PeakBound) / quality.PeakBound, "%", null,
            $"{quality.PeakHosts} nodes, bound {quality.PeakBound}; on average {quality.MeanOverBound - 1:P1} over");
        yield return new Figure($"{name}: cores not sold at first refusal", 100 * (1 - quality.FullCores), "%", null, $"memory not sold {1 - quality.FullMemory:P1}");
        yield return new Figure($"{name}: cores stranded at 85 %", 100 * quality.StrandedCores, "%", null,
            $"memory stranded {quality.StrandedMemory:P2}, {quality.EmptyHosts} nodes empty, copies of probes that fit: {Probes(quality)}");
    }

    public static string Probes(Quality quality) => string.Join(' ', quality.Probes.Select(probe => $"{probe.Key}={probe.Value}"));

    public static string Machine()
    {
        string processor = File.ReadLines("/proc/cpuinfo").First(line => line.StartsWith("model name", StringComparison.Ordinal)).Split(':')[1].Trim();
        return $"{Environment.ProcessorCount} cores of {processor}, load average {File.ReadAllText("/proc/loadavg").Split(' ')[0]} at the end";
    }
}
