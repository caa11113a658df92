using System.Globalization;

namespace Osv.Bench.Streams;

/// <summary>The control plane's own histogram of heartbeats, from arrival until they are on disk, as its metrics page shows it.</summary>
internal sealed class StoredLag
{
    private const string Bucket = "osv_gateway_heartbeat_lag_seconds_bucket{";

    private readonly SortedDictionary<double, double> _buckets = [];

    public static StoredLag Read(string metrics)
    {
        var lag = new StoredLag();
        foreach (string line in metrics.Split('\n').Where(line => line.StartsWith(Bucket, StringComparison.Ordinal)))
        {
            int at = line.IndexOf("le=\"", StringComparison.Ordinal) + 4;
            string bound = line[at..line.IndexOf('"', at)], count = line[(line.IndexOf('}') + 1)..].Trim().Split(' ')[0];
            lag._buckets[bound == "+Inf" ? double.PositiveInfinity : double.Parse(bound, CultureInfo.InvariantCulture)] = double.Parse(count, CultureInfo.InvariantCulture);
        }
        return lag._buckets.Count > 0 ? lag : throw new InvalidDataException("the metrics page has no histogram of heartbeats");
    }

    /// <summary>How many came after an earlier reading.</summary>
    public double Since(StoredLag earlier) => _buckets[double.PositiveInfinity] - earlier._buckets[double.PositiveInfinity];

    /// <summary>Milliseconds within which 99 of 100 were stored that came after an earlier reading: the upper bound of the bucket that the hundredth falls into.</summary>
    public double P99(StoredLag earlier)
    {
        double wanted = Since(earlier) * 0.99;
        return _buckets.First(bucket => bucket.Value - earlier._buckets[bucket.Key] >= wanted).Key * 1000;
    }
}
