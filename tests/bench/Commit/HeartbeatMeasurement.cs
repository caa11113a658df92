using System.Diagnostics;
using Npgsql;
using Osv.Data.Nodes;

namespace Osv.Bench.Commit;

/// <summary>The batched upsert of the heartbeats of all nodes.</summary>
internal static class HeartbeatMeasurement
{
    public const int Statements = 21;

    public static async Task<double> MedianMillisecondsAsync(NpgsqlDataSource source, Guid[] nodes, CancellationToken cancel)
    {
        var times = new List<double>();
        for (int i = 0; i < Statements; i++)
        {
            DateTimeOffset now = DateTimeOffset.UnixEpoch.AddSeconds(i);
            NodeHeartbeat[] beats = [.. nodes.Select(node => new NodeHeartbeat { NodeId = node, Sequence = i, ReceivedAt = now, LeaseExpiresAt = now.AddSeconds(30) })];
            long start = Stopwatch.GetTimestamp();
            await Heartbeats.WriteAsync(source, beats, cancel);
            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
        times.Sort();
        return times[times.Count / 2];
    }
}
