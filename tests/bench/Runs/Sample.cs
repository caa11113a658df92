using System.Globalization;

namespace Osv.Bench.Runs;

/// <summary>A quantity seen several times.</summary>
public sealed class Sample(IEnumerable<double> values)
{
    private readonly double[] _values = [.. values.Order()];

    /// <summary>Of an even number, the larger of the middle two: no value is made up.</summary>
    public double Median => _values[_values.Length / 2];

    public double Least => _values[0];

    /// <summary>
    /// Between which two of the values the median of what was sampled lies, with 95 % confidence and whatever its distribution: a sign test, so fewer
    /// than six values cannot say it.
    /// </summary>
    public string Confidence()
    {
        const double Doubt = 0.05;
        int count = _values.Length, cut = -1;
        // The chance that just so many of the values lie below the median, and that at most so many do.
        double just = Math.Pow(2, -count), atMost = just;
        while (2 * atMost <= Doubt)
        {
            cut++;
            just *= (double)(count - cut) / (cut + 1);
            atMost += just;
        }
        return cut < 0 ? $"too few for an interval, {Spread()}" : string.Create(CultureInfo.InvariantCulture, $"95 % between {_values[cut]:0.###} and {_values[^(cut + 1)]:0.###} in {count}");
    }

    public string Spread(string unit = "") => string.Create(CultureInfo.InvariantCulture, $"{_values[0]:0.###} to {_values[^1]:0.###}{unit} in {_values.Length}");
}
