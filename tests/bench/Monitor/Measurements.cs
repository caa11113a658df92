using System.Globalization;
using Osv.Bench.Load;
using Osv.Bench.Runs;
using Osv.Cli.Bench;
using Osv.Monitor.Guards.Count;

namespace Osv.Bench.Monitor;

/// <summary>Makes figures of runs. The bounds are the project's; docs/benchmarks.md says what they mean.</summary>
internal static class Measurements
{
    private const string Count = "";
    private static readonly Phase[] s_loads = [Phase.Idle, Phase.Pipe, Phase.Exec, Phase.Memory];

    /// <summary>What the plugin counted in a run of the load "long".</summary>
    public static IEnumerable<Figure> Counts(MeasuredRun run)
    {
        PluginReport report = run.Plugin;
        foreach (Phase load in s_loads)
        {
            IReadOnlyList<ExitCount> others = report.OtherExits(load);
            string which = others.Count == 0 ? "all partitions" : string.Join(", ", others.Select(exit => $"{exit.Exits} {exit.Kind} of partition {exit.Partition}"));
            yield return new Figure($"exits other than ICR, {load}", others.Sum(exit => exit.Exits), Count, 0, which);
        }
        long pipe = report.IcrExits(Phase.Pipe);
        yield return new Figure("ICR exits in 10 s idle", report.IcrExits(Phase.Idle) * 10.0 / LoadSize.LongIdleSeconds, Count, 30, $"{report.IcrExits(Phase.Idle)} in {LoadSize.LongIdleSeconds} s");
        yield return new Figure("ICR exits per cross-core wake-up", pipe / 2.0 / LoadSize.LongRoundTrips, Count, 1.3, "a round trip wakes twice");
        var batches = new Sample(report.IcrExitsOfBatches(Phase.Pipe).Select(exits => (double)exits / LoadSize.Batch));
        yield return new Figure("ICR exits per pipe round trip", batches.Least, Count, 2, string.Create(CultureInfo.InvariantCulture, $"least of batches of {LoadSize.Batch}; their median {batches.Median:0.##}; {pipe} in {LoadSize.LongRoundTrips} with what the kernel sends by itself"));
        var execs = new Sample(report.IcrExitsOfBatches(Phase.Exec).Select(exits => (double)exits / LoadSize.ExecBatch));
        yield return new Figure("ICR exits per fork+exec", execs.Least, Count, 1, string.Create(CultureInfo.InvariantCulture, $"least of batches of {LoadSize.ExecBatch}, a shell on each core; their median {execs.Median:0.##}; {report.IcrExits(Phase.Exec)} in {LoadSize.Execs}"));
        yield return new Figure("ICR exits of first touch", report.IcrExits(Phase.Memory), Count, null, "4 x 192 MiB");
        yield return Instructions(report, ExitKind.IcrPlain, "instructions per ICR exit, fast path", 219);
        yield return Instructions(report, ExitKind.IcrOther, "instructions per ICR exit, slow path", null);
        yield return new Figure("exits until user space", report.Exits.Where(exit => exit.Partition == MeasuredRun.Tenant && exit.Phase == Phase.Boot).Sum(exit => exit.Exits), Count, null, "tenant, boot phase");
    }

    /// <summary>The bound is about the longest one.</summary>
    private static Figure Instructions(PluginReport report, string kind, string name, double? bound)
    {
        IReadOnlyList<ExitCount> exits = report.Of(kind);
        ExitCount most = exits.MaxBy(exit => exit.Exits)!;
        string detail = $"the longest; least {exits.Min(exit => exit.Least)}, median {most.Median}, of {exits.Sum(exit => exit.Exits)}";
        return new Figure(name, exits.Max(exit => exit.Most), Count, bound, detail);
    }

    public static IEnumerable<Figure> Ratios(IReadOnlyList<Pair> pairs)
    {
        yield return Pair.Ratio(pairs, "boot to user space, ours / native", 1.05, "s", run => run.Plugin.BootSeconds());
        foreach (Phase load in s_loads.Except([Phase.Idle]))
        {
            yield return Pair.Ratio(pairs, $"{load} elapsed, ours / native", null, "s", run => run.LoadSeconds(load));
        }
    }

    public static IEnumerable<Figure> Restarts(MeasuredRun run)
    {
        var whole = new Sample(run.Figures("restart.ms"));
        yield return new Figure("stop and restart of 1 GiB, scrub included", whole.Median, "ms", 2000, $"median; {whole.Spread()}; of it to stop and scrub {new Sample(run.Figures("restart.stop.ms")).Median:0} ms");
    }

    public static IEnumerable<Figure> Faults(MeasuredRun run)
    {
        var faults = new Sample(run.Figures("fault.ms"));
        yield return new Figure("triple fault to event in the ring", faults.Median, "ms", 100, $"median; {faults.Spread()}; guest time");
    }

    /// <summary>As the monitor's own build counts it (monitor/Monitor.targets), which leaves the list of sources behind.</summary>
    public static IEnumerable<Figure> Trusted()
    {
        string monitor = Path.Combine(BenchImages.Root, "monitor");
        TrustedBase trusted = TrustedBase.Measure(File.ReadLines(Path.Combine(monitor, "obj", "Release", "net10.0", "trusted-sources.txt")), Path.Combine(monitor, "boot"), BenchImages.Monitor);
        yield return new Figure("trusted C#", trusted.CSharpLines, "lines", TrustedBase.MaxCSharpLines, "neither blank nor comment");
        yield return new Figure("trusted assembly", trusted.AssemblyLines, "lines", TrustedBase.MaxAssemblyLines, "neither blank nor comment");
        yield return new Figure("trusted image", trusted.ImageBytes, "bytes", TrustedBase.MaxImageBytes, "code, constants and boot header");
    }
}
