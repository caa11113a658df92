using System.Data;
using Npgsql;

namespace Osv.Data.Placements;

/// <summary>Commits batches of plans: one transaction and one flush to disk for all that can be committed together.</summary>
public sealed class PlacementCommit(NpgsqlDataSource source, CommitCounters counters)
{
    /// <summary>Type of the message that tells of a placement; its body has tenantId, nodeId and fence.</summary>
    public const string PlacedMessage = "tenant.placed";

    private const int MostAttempts = 5;

    /// <summary>How long an agent may take from a placement until it begins to load the tenant.</summary>
    public TimeSpan LoadWithin { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Judges and commits the plans in order. When this returns, what was committed is on disk.</summary>
    /// <returns>The outcome of every plan, in the same order.</returns>
    public Task<IReadOnlyList<CommitOutcome>> CommitAsync(IReadOnlyList<PlacementPlan> plans, CancellationToken cancel) => CommitAsync(plans, together: false, cancel);

    /// <summary>Commits all plans or none of them.</summary>
    /// <returns>The outcome of every plan, in the same order; those that would hold but for the others are refused as <see cref="CommitConflict.GangBroken"/>.</returns>
    public Task<IReadOnlyList<CommitOutcome>> CommitTogetherAsync(IReadOnlyList<PlacementPlan> plans, CancellationToken cancel) => CommitAsync(plans, together: true, cancel);

    private async Task<IReadOnlyList<CommitOutcome>> CommitAsync(IReadOnlyList<PlacementPlan> plans, bool together, CancellationToken cancel)
    {
        var outcomes = new CommitOutcome?[plans.Count];
        var sound = new List<int>(plans.Count);
        for (int i = 0; i < plans.Count; i++)
        {
            outcomes[i] = CommitArbiter.CheckForm(plans[i]);
            if (outcomes[i] is null) sound.Add(i);
        }
        if (together && sound.Count < plans.Count) Break(sound, outcomes);
        else await CommitAsync(plans, sound, outcomes, together, cancel);
        foreach (CommitOutcome? outcome in outcomes) counters.Count(outcome!);
        return outcomes!;
    }

    private static void Break(List<int> indices, CommitOutcome?[] outcomes)
    {
        foreach (int index in indices) outcomes[index] ??= new Refused(CommitConflict.GangBroken, "another plan of its gang was refused");
    }

    private async Task CommitAsync(IReadOnlyList<PlacementPlan> plans, List<int> indices, CommitOutcome?[] outcomes, bool together, CancellationToken cancel)
    {
        for (int attempt = 1; indices.Count > 0; attempt++)
        {
            try
            {
                await TryAsync(plans, indices, outcomes, together, cancel);
                return;
            }
            catch (PostgresException error) when (error.SqlState is PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure && attempt < MostAttempts)
            {
                counters.CountRetry();
            }
            catch (PostgresException error) when (CommitConstraints.Conflict(error) is { } conflict)
            {
                // Someone wrote without our locks and a constraint caught it. It hit the batch; find the plan, spare the others.
                if (indices.Count == 1 || together)
                {
                    if (attempt < MostAttempts)
                    {
                        // Once more, so that the judgement names what stands in the way instead of a constraint.
                        counters.CountRetry();
                        continue;
                    }
                    foreach (int index in indices) outcomes[index] = new Refused(conflict, error.MessageText);
                    return;
                }
                counters.CountRetry();
                foreach (int index in indices) await CommitAsync(plans, [index], outcomes, together, cancel);
                return;
            }
        }
    }

    private async Task TryAsync(IReadOnlyList<PlacementPlan> plans, List<int> indices, CommitOutcome?[] outcomes, bool together, CancellationToken cancel)
    {
        await using NpgsqlConnection connection = await source.OpenConnectionAsync(cancel);
        await using NpgsqlTransaction transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancel);
        CommitFacts facts = await CommitReader.ReadAsync(connection, [.. indices.Select(index => plans[index])], cancel);
        var accepted = new List<int>(indices.Count);
        foreach (int index in indices)
        {
            outcomes[index] = CommitArbiter.Judge(plans[index], facts);
            if (outcomes[index] is null) accepted.Add(index);
        }
        if (together && accepted.Count < indices.Count)
        {
            Break(accepted, outcomes);
            return;
        }
        if (accepted.Count == 0) return;
        Dictionary<Guid, long> fences = await CommitWriter.WriteAsync(connection, [.. accepted.Select(index => plans[index])], facts, LoadWithin, cancel);
        // Past this point only the server knows: a cancellation here would leave the callers in doubt.
        await transaction.CommitAsync(CancellationToken.None);
        counters.CountTransaction(accepted.Count);
        foreach (int index in accepted) outcomes[index] = new Committed(fences[plans[index].TenantId]);
    }
}
