namespace Osv.Bench.Streams;

/// <summary>Durations, as many as come. Thread-safe.</summary>
internal sealed class Lags
{
    private readonly Lock _gate = new();
    private List<double> _milliseconds = [];

    public void Add(TimeSpan lag)
    {
        lock (_gate) _milliseconds.Add(lag.TotalMilliseconds);
    }

    /// <summary>What came since the last call.</summary>
    public Spread Take()
    {
        List<double> taken;
        lock (_gate) (taken, _milliseconds) = (_milliseconds, []);
        return Spread.Of(taken);
    }
}

/// <summary>Of durations in milliseconds.</summary>
internal sealed record Spread(int Count, double Median, double P99, double Most)
{
    public static Spread Of(IEnumerable<double> milliseconds)
    {
        double[] sorted = [.. milliseconds.Order()];
        return sorted.Length == 0 ? new Spread(0, double.NaN, double.NaN, double.NaN) : new Spread(sorted.Length, sorted[sorted.Length / 2], sorted[(int)(sorted.Length * 0.99)], sorted[^1]);
    }
}
