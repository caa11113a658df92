using System.Globalization;
using Osv.Cli.Bench;

namespace Osv.Bench.Runs;

/// <summary>The same load native and ours, one right after the other or in turns: a pair gives one ratio, and the ratios a median.</summary>
public sealed record Pair(MeasuredRun Native, MeasuredRun Ours)
{
    /// <summary>Which of the two comes first changes from pair to pair: what a host does to whatever runs second falls on both.</summary>
    public static async Task<IReadOnlyList<Pair>> RunAsync(int count, string load, Equipment equipment, CancellationToken cancel)
    {
        var pairs = new List<Pair>();
        for (int number = 1; number <= count; number++)
        {
            BenchProgram.Step($"native and ours, pair {number} of {count}");
            MeasuredRun? ours = number % 2 == 0 ? await MeasuredRun.OursAsync(load, equipment, cancel) : null;
            MeasuredRun native = await MeasuredRun.NativeAsync(load, equipment, cancel);
            pairs.Add(new Pair(native, ours ?? await MeasuredRun.OursAsync(load, equipment, cancel)));
        }
        return pairs;
    }

    /// <summary>Both machines at once: loads that take turns.</summary>
    public static async Task<Pair> TogetherAsync(string load, Equipment equipment, CancellationToken cancel)
    {
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        Task<MeasuredRun> native = MeasuredRun.NativeAsync(load, equipment, both.Token), ours = MeasuredRun.OursAsync(load, equipment, both.Token);
        try
        {
            // When one fails the other would wait for its turn.
            await await Task.WhenAny(native, ours);
            return new Pair(await native, await ours);
        }
        catch
        {
            await both.CancelAsync();
            await ((Task)Task.WhenAll(native, ours)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }
    }

    /// <param name="unit">Of what is taken from each run.</param>
    public static Figure Ratio(IReadOnlyList<Pair> pairs, string name, double? bound, string unit, Func<MeasuredRun, double> take)
    {
        var ratios = new Sample(pairs.Select(pair => take(pair.Ours) / take(pair.Native)));
        double native = new Sample(pairs.Select(pair => take(pair.Native))).Median, ours = new Sample(pairs.Select(pair => take(pair.Ours))).Median;
        return new Figure(name, ratios.Median, string.Empty, bound, string.Create(CultureInfo.InvariantCulture, $"median; {ratios.Confidence()} pairs; medians {native:0.##} {unit} and {ours:0.##} {unit}"));
    }
}
