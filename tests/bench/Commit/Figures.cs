using System.Globalization;
using Osv.Cli.Bench;

namespace Osv.Bench.Commit;

/// <summary>Makes figures of the rounds of one way; the round of median rate speaks for all.</summary>
internal static class Figures
{
    /// <summary>The goal: 2,000 durable placements a second.</summary>
    private const double WallBoundMicroseconds = 500;

    /// <summary>The goal, as processor time: two cores for 2,000 placements. It holds whatever else the machine does.</summary>
    private const double ProcessorBoundMicroseconds = 1000;

    public static IEnumerable<Figure> Of(Way way, IReadOnlyList<Measurement> rounds)
    {
        Measurement[] sorted = [.. rounds.OrderBy(round => round.PerSecond)];
        Measurement median = sorted[sorted.Length / 2];
        bool goal = way.LargestBatch > 1;
        string conflicts = median.Conflicts.Count == 0 ? "none" : string.Join(", ", median.Conflicts.Select(pair => $"{pair.Key} {pair.Value}"));
        return
        [
            new($"{way.Name}: placements a second", median.PerSecond, "/s", null, Text($"{sorted[0].PerSecond:F0} to {sorted[^1].PerSecond:F0} in {sorted.Length} rounds of {median.Placements}")),
            new($"{way.Name}: time each", 1e6 / median.PerSecond, "us", goal ? WallBoundMicroseconds : null, Text($"{median.Placements} placements in {median.Transactions} transactions")),
            new($"{way.Name}: processor time each", median.ServerMicroseconds + median.ClientMicroseconds, "us", goal ? ProcessorBoundMicroseconds : null, Text($"server {median.ServerMicroseconds:F0}, planners and committer {median.ClientMicroseconds:F0}")),
            new($"{way.Name}: answer", median.MedianMilliseconds, "ms", null, Text($"median; p99 {median.P99Milliseconds:F1} ms; at most {way.Planners} plans in flight")),
            new($"{way.Name}: conflicts", median.Conflicts.Values.Sum(), "", null, Text($"{conflicts}; each planned anew; {median.Retries} transactions retried")),
            new($"{way.Name}: log each", median.LogBytes, "B", null, "write-ahead log, from right after a checkpoint"),
        ];
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
