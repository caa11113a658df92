using System.Threading.Channels;

namespace Osv.Data.Placements;

/// <summary>
/// Collects single plans into batches: while a transaction is being written, the plans that arrive wait and form the next one.
/// Nothing is delayed on purpose; alone, a plan is committed at once. The plans of a node all go to the same writer, so that
/// the batches of two writers do not wait for each other's nodes.
/// </summary>
public sealed class GroupCommit : IAsyncDisposable
{
    private readonly Channel<Waiting>[] _queues;
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
        _queues = [.. Enumerable.Range(0, writers).Select(_ => Channel.CreateBounded<Waiting>(largestBatch * 4))];
        _writers = Task.WhenAll(_queues.Select(queue => Task.Run(() => WriteAsync(queue.Reader))));
    }

    /// <summary>Commits a plan. When this returns <see cref="Committed"/>, it is on disk.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="cancel">Ends the wait for a place in the queue; a plan that has one is carried through.</param>
    public async Task<CommitOutcome> CommitAsync(PlacementPlan plan, CancellationToken cancel)
    {
        var waiting = new Waiting(plan);
        await _queues[(uint)plan.NodeId.GetHashCode() % _queues.Length].Writer.WriteAsync(waiting, cancel);
        return await waiting.Outcome.Task;
    }

    /// <summary>Takes no more plans and returns when all that were taken are done.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (Channel<Waiting> queue in _queues) queue.Writer.TryComplete();
        await _writers;
    }

    private async Task WriteAsync(ChannelReader<Waiting> queue)
    {
        var batch = new List<Waiting>(_largestBatch);
        while (await queue.WaitToReadAsync())
        {
            batch.Clear();
            while (batch.Count < _largestBatch && queue.TryRead(out Waiting? next)) batch.Add(next);
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
