using System.Globalization;

namespace Osv.Bench.Runs;

/// <summary>A quantity seen several times.</summary>
public sealed class Sample(IEnumerable<double> values)
{
    private readonly double[] _values = [.. values.Order()];

    /// <summary>Of an even number, the larger of the middle two: no value is made up.</summary>
    public double Median => _values[_values.Length / 2];

    public double Least => _values[0];

    public string Spread(string unit = "") => string.Create(CultureInfo.InvariantCulture, $"{_values[0]:0.###} to {_values[^1]:0.###}{unit} in {_values.Length}");
}
