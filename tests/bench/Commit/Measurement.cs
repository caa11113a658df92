using System.Diagnostics;
using Npgsql;
using Osv.Data.Placements;

namespace Osv.Bench.Commit;

/// <summary>A way of committing.</summary>
/// <param name="Name">In words.</param>
/// <param name="Placements">How many are committed in a round.</param>
/// <param name="Planners">Plans in flight at most.</param>
/// <param name="LargestBatch">Most plans in one transaction.</param>
/// <param name="Writers">Transactions at the same time.</param>
internal sealed record Way(string Name, int Placements, int Planners, int LargestBatch, int Writers);

/// <summary>One round of one way.</summary>
internal sealed record Measurement
{
    public required Way Way { get; init; }

    public required long Placements { get; init; }

    /// <summary>Durable placements a second, from the first plan to the last answer.</summary>
    public required double PerSecond { get; init; }

    /// <summary>Those that committed at least one placement.</summary>
    public required long Transactions { get; init; }

    /// <summary>Refused plans by reason.</summary>
    public required IReadOnlyDictionary<CommitConflict, long> Conflicts { get; init; }

    public required long Retries { get; init; }

    /// <summary>From handing in a plan to its answer.</summary>
    public required double MedianMilliseconds { get; init; }

    public required double P99Milliseconds { get; init; }

    /// <summary>Write-ahead log for each placement.</summary>
    public required double LogBytes { get; init; }

    /// <summary>Processor time of PostgreSQL for each placement.</summary>
    public required double ServerMicroseconds { get; init; }

    /// <summary>Processor time of this process for each placement.</summary>
    public required double ClientMicroseconds { get; init; }

    /// <summary>Places all tenants; a planner whose plan is refused walks on to the next candidate, as a scheduler's does.</summary>
    public static async Task<Measurement> TakeAsync(NpgsqlDataSource source, int server, Way way, BenchFleet fleet, IReadOnlyList<Guid> tenants, CancellationToken cancel)
    {
        await SettleAsync(source, cancel);
        long log = await LogPositionAsync(source, cancel);
        TimeSpan serverBefore = ServerTime.Of(server), clientBefore = Environment.CpuUsage.TotalTime;
        var counters = new CommitCounters();
        var answers = new List<double>(tenants.Count);
        int next = -1;
        long start = Stopwatch.GetTimestamp();
        await using (var group = new GroupCommit(new PlacementCommit(source, counters), way.LargestBatch, way.Writers))
        {
            await Task.WhenAll(Enumerable.Range(0, way.Planners).Select(number => Task.Run(() => PlanAsync(group, new Random(number)), cancel)));
        }
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        TimeSpan serverUsed = ServerTime.Of(server) - serverBefore, clientUsed = Environment.CpuUsage.TotalTime - clientBefore;
        answers.Sort();
        return new Measurement
        {
            Way = way,
            Placements = counters.Committed,
            PerSecond = counters.Committed / seconds,
            Transactions = counters.Transactions,
            Conflicts = counters.Conflicts.Where(pair => pair.Value > 0).ToDictionary(),
            Retries = counters.Retries,
            MedianMilliseconds = answers[answers.Count / 2],
            P99Milliseconds = answers[(int)(answers.Count * 0.99)],
            LogBytes = (double)(await LogPositionAsync(source, cancel) - log) / counters.Committed,
            ServerMicroseconds = serverUsed.TotalMicroseconds / counters.Committed,
            ClientMicroseconds = clientUsed.TotalMicroseconds / counters.Committed,
        };

        async Task PlanAsync(GroupCommit group, Random random)
        {
            while (Interlocked.Increment(ref next) is int mine && mine < tenants.Count)
            {
                CommitOutcome outcome;
                do
                {
                    (int, int)? found;
                    lock (fleet) found = fleet.Find(random);
                    (int, int) place = found ?? throw new InvalidOperationException("the fleet is full: the benchmark asks for more than it seeded");
                    long asked = Stopwatch.GetTimestamp();
                    outcome = await group.CommitAsync(fleet.Plan(tenants[mine], place), cancel);
                    double milliseconds = Stopwatch.GetElapsedTime(asked).TotalMilliseconds;
                    lock (fleet) fleet.Learn(place);
                    lock (answers) answers.Add(milliseconds);
                }
                while (outcome is not Committed);
            }
        }
    }

    /// <summary>Statistics and a checkpoint, so that no round pays for what came before it.</summary>
    private static async Task SettleAsync(NpgsqlDataSource source, CancellationToken cancel)
    {
        foreach (string sql in new[] { "VACUUM ANALYZE", "CHECKPOINT" })
        {
            await using NpgsqlCommand command = source.CreateCommand(sql);
            command.CommandTimeout = 600;
            await command.ExecuteNonQueryAsync(cancel);
        }
    }

    private static async Task<long> LogPositionAsync(NpgsqlDataSource source, CancellationToken cancel)
    {
        await using NpgsqlCommand command = source.CreateCommand("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint");
        return (long)(await command.ExecuteScalarAsync(cancel))!;
    }
}
