using System.Threading.Channels;

namespace Osv.Data.Placements;

/// <summary>
/// Collects single plans into batches: while some transactions are being written, the plans that arrive wait and form the next one.
/// Nothing is delayed on purpose; alone, a plan is committed at once.
/// </summary>
public sealed class GroupCommit : IAsyncDisposable
{
    private readonly Channel<Waiting> _queue;
    private readonly PlacementCommit _commit;
    private readonly int _largestBatch;
    private readonly Task _writers;

    /// <param name="commit">Writes the batches.</param>
    /// <param name="largestBatch">Most plans in one transaction.</param>
    /// <param name="writers">Transactions at the same time: while one waits for the disk another is judged.</param>
    public GroupCommit(PlacementCommit commit, int largestBatch = 256, int writers = 2)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(largestBatch, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(writers, 1);
        _commit = commit;
        _largestBatch = largestBatch;
        // Bounded: a scheduler that plans faster than the disk writes must feel it.
        _queue = Channel.CreateBounded<Waiting>(largestBatch * writers * 4);
        _writers = Task.WhenAll(Enumerable.Range(0, writers).Select(_ => Task.Run(WriteAsync)));
    }

    /// <summary>Commits a plan. When this returns <see cref="Committed"/>, it is on disk.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="cancel">Ends the wait for a place in the queue; a plan that has one is carried through.</param>
    public async Task<CommitOutcome> CommitAsync(PlacementPlan plan, CancellationToken cancel)
    {
        var waiting = new Waiting(plan);
        await _queue.Writer.WriteAsync(waiting, cancel);
        return await waiting.Outcome.Task;
    }

    /// <summary>Takes no more plans and returns when all that were taken are done.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _writers;
    }

    private async Task WriteAsync()
    {
        var batch = new List<Waiting>(_largestBatch);
        while (await _queue.Reader.WaitToReadAsync())
        {
            batch.Clear();
            while (batch.Count < _largestBatch && _queue.Reader.TryRead(out Waiting? next)) batch.Add(next);
            if (batch.Count == 0) continue;
            try
            {
                IReadOnlyList<CommitOutcome> outcomes = await _commit.CommitAsync([.. batch.Select(waiting => waiting.Plan)], CancellationToken.None);
                for (int i = 0; i < batch.Count; i++) batch[i].Outcome.SetResult(outcomes[i]);
            }
            catch (Exception error)
            {
                // The database is gone or broken: everyone in the batch learns it, the loop goes on with the next.
                foreach (Waiting waiting in batch) waiting.Outcome.TrySetException(error);
            }
        }
    }

    private sealed record Waiting(PlacementPlan Plan)
    {
        public TaskCompletionSource<CommitOutcome> Outcome { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
