using System.Globalization;
using Osv.Cli.Bench;

namespace Osv.Bench.Runs;

/// <summary>The same load native and ours, one right after the other: a pair gives one ratio, and the ratios a median.</summary>
public sealed record Pair(MeasuredRun Native, MeasuredRun Ours)
{
    public static async Task<Pair> RunAsync(string load, Equipment equipment, CancellationToken cancel) =>
        new(await MeasuredRun.NativeAsync(load, equipment, cancel), await MeasuredRun.OursAsync(load, equipment, cancel));

    /// <param name="unit">Of what is taken from each run.</param>
    public static Figure Ratio(IReadOnlyList<Pair> pairs, string name, double? bound, string unit, Func<MeasuredRun, double> take)
    {
        var ratios = new Sample(pairs.Select(pair => take(pair.Ours) / take(pair.Native)));
        double native = new Sample(pairs.Select(pair => take(pair.Native))).Median, ours = new Sample(pairs.Select(pair => take(pair.Ours))).Median;
        return new Figure(name, ratios.Median, string.Empty, bound, string.Create(CultureInfo.InvariantCulture, $"median; {ratios.Spread()} pairs; medians {native:0.##} {unit} and {ours:0.##} {unit}"));
    }
}
