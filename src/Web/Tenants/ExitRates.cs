namespace Osv.Web.Tenants;

/// <summary>Rates between neighbouring readings of counters.</summary>
/// <param name="Reasons">Names of the series, the busiest first.</param>
/// <param name="Seconds">Ends of the intervals, seconds since 1970.</param>
/// <param name="Values">For each series a rate a second for each interval; null where a reading is missing or the counter began anew.</param>
public sealed record ExitRates(string[] Reasons, double[] Seconds, double?[][] Values)
{
    public static ExitRates Of(ExitHistory history)
    {
        string[] reasons = [.. history.Exits.OrderByDescending(series => series.Value.Max() - series.Value.Min()).ThenBy(series => series.Key, StringComparer.Ordinal).Select(series => series.Key)];
        double?[][] values = [.. reasons.Select(reason => Rates(history.At, history.Exits[reason]))];
        return new ExitRates(reasons, [.. history.At.Skip(1).Select(at => at.ToUnixTimeMilliseconds() / 1000.0)], values);
    }

    private static double?[] Rates(IReadOnlyList<DateTimeOffset> at, IReadOnlyList<long?> totals)
    {
        var rates = new double?[Math.Max(0, at.Count - 1)];
        for (int i = 0; i < rates.Length; i++)
        {
            // A counter that fell was reset by a restart: what came between is unknown.
            if (totals[i] is { } before && totals[i + 1] is { } after && after >= before) rates[i] = (after - before) / (at[i + 1] - at[i]).TotalSeconds;
        }
        return rates;
    }
}
