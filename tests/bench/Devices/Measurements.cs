using System.Globalization;
using Osv.Bench.Load;
using Osv.Bench.Runs;
using Osv.Cli.Bench;

namespace Osv.Bench.Devices;

/// <summary>Makes figures of runs. The bounds are the project's; docs/benchmarks.md says what they mean.</summary>
internal static class Measurements
{
    /// <summary>97 % of what the native machine does in the same time.</summary>
    private const double MostTime = 1 / 0.97;
    private const double MostAddedMilliseconds = 300;

    private static readonly (string Device, Phase Phase, string Operation)[] s_loads =
    [
        ("NVMe", Phase.DiskStream, "reads of 1 MiB in sequence"), ("NVMe", Phase.DiskRead, "random reads of 4 KiB"),
        ("network", Phase.NetStream, "1 MiB from the peer"), ("network", Phase.NetRoundTrip, "round trips of a byte"),
    ];

    public static IEnumerable<Figure> Ratios(IReadOnlyList<Pair> pairs)
    {
        foreach ((string device, Phase phase, string operation) in s_loads)
        {
            yield return OfTurns(pairs, $"{device}, {operation}, ours / native: median time", MostTime, phase);
            yield return Pair.Ratio(pairs, $"{device}, {operation}: 99th percentile", null, "us", run => run.Figures($"{phase}.p99.us").Single());
            yield return Pair.Ratio(pairs, $"{device}, {operation}: all together", null, "s", run => run.Figures($"{phase}.total.s").Single());
        }
        yield return OfTurns(pairs, "round trips between two threads of a core, ours / native: median time", null, Phase.NoDevice);
    }

    /// <summary>
    /// A turn of both machines gives one ratio of their median operations, the turns of a pair one median. The interval is of pairs alone: turns of
    /// the same two boots have more in common than chance.
    /// </summary>
    private static Figure OfTurns(IReadOnlyList<Pair> pairs, string name, double? bound, Phase phase)
    {
        double[][] turns = [.. pairs.Select(pair => Turns(pair.Ours, phase).Zip(Turns(pair.Native, phase), (ours, native) => ours / native).ToArray())];
        var ratios = new Sample(turns.Select(pair => new Sample(pair).Median));
        double native = new Sample(pairs.SelectMany(pair => Turns(pair.Native, phase))).Median, ours = new Sample(pairs.SelectMany(pair => Turns(pair.Ours, phase))).Median;
        return new Figure(name, ratios.Median, string.Empty, bound, string.Create(CultureInfo.InvariantCulture,
            $"median; {ratios.Confidence()} pairs of {LoadSize.Turns} turns; single turns {new Sample(turns.SelectMany(pair => pair)).Spread()}; medians {native:0.#} us and {ours:0.#} us"));
    }

    private static IReadOnlyList<double> Turns(MeasuredRun run, Phase phase) => run.Figures($"{phase}.median.us");

    /// <summary>What left a core of any partition while a device was at work, against the interrupts of that device.</summary>
    public static IEnumerable<Figure> Exits(IReadOnlyList<Pair> pairs)
    {
        foreach (IGrouping<string, Phase> device in s_loads.GroupBy(load => load.Device, load => load.Phase))
        {
            ExitCount[] exits = [.. device.SelectMany(phase => pairs.SelectMany(pair => pair.Ours.Plugin.OtherExits(phase)))];
            double interrupts = device.Sum(phase => pairs.Sum(pair => pair.Ours.Figures($"{phase}.interrupts").Single()));
            long icr = device.Sum(phase => pairs.Sum(pair => pair.Ours.Plugin.IcrExits(phase)));
            string which = exits.Length == 0 ? "none in any partition" : string.Join(", ", exits.Select(exit => $"{exit.Exits} {exit.Kind} of partition {exit.Partition}"));
            yield return new Figure($"exits per interrupt, {device.Key}", exits.Sum(exit => exit.Exits) / interrupts, string.Empty, 0,
                string.Create(CultureInfo.InvariantCulture, $"{interrupts:N0} interrupts; {which}; the kernel's own IPIs, {icr:N0} writes to the ICR, are not among them"));
        }
    }

    public static IEnumerable<Figure> Assignment(MeasuredRun run)
    {
        yield return Added(run, "create and start, until the kernel's entry", "start", MostAddedMilliseconds);
        yield return Added(run, "create and start, until user space", "boot", null);
        yield return Added(run, "stop", "stop", null);
    }

    /// <summary>The lives without and with functions took turns: each pair gives one difference.</summary>
    private static Figure Added(MeasuredRun run, string what, string name, double? bound)
    {
        IReadOnlyList<double> with = run.Figures($"{name}.with.ms"), without = run.Figures($"{name}.without.ms");
        var added = new Sample(with.Zip(without, (one, other) => one - other));
        return new Figure($"functions add to {what}", added.Median, "ms", bound, string.Create(CultureInfo.InvariantCulture, $"median; {added.Confidence()} pairs; medians {new Sample(without).Median:0} ms and {new Sample(with).Median:0} ms"));
    }
}
