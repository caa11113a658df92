using System.Threading.Channels;
using Npgsql;

namespace Osv.Web.Gateway;

/// <summary>Writes what many streams bring with few statements: what arrives while one is under way is the next batch.</summary>
/// <param name="most">Items in one statement.</param>
/// <param name="write">Writes all or nothing.</param>
internal sealed class BatchWriter<T>(int most, Func<IReadOnlyList<T>, CancellationToken, Task> write)
{
    private readonly Channel<(T Item, TaskCompletionSource Done)> _queue = Channel.CreateBounded<(T, TaskCompletionSource)>(most * 4);

    /// <summary>Ends when the item is on disk.</summary>
    public async Task AddAsync(T item, CancellationToken cancel)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await _queue.Writer.WriteAsync((item, done), cancel);
        await done.Task.WaitAsync(cancel);
    }

    /// <summary>Writes until cancelled. Whoever brought items learns of a failure and brings them again.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        var batch = new List<(T Item, TaskCompletionSource Done)>();
        try
        {
            while (await _queue.Reader.WaitToReadAsync(cancel))
            {
                batch.Clear();
                while (batch.Count < most && _queue.Reader.TryRead(out var next)) batch.Add(next);
                await WriteAsync(batch, cancel);
            }
        }
        catch (OperationCanceledException)
        {
            while (_queue.Reader.TryRead(out var left)) batch.Add(left);
            foreach (var (_, done) in batch) done.TrySetCanceled(cancel);
        }
    }

    private async Task WriteAsync(List<(T Item, TaskCompletionSource Done)> batch, CancellationToken cancel)
    {
        try
        {
            await write([.. batch.Select(entry => entry.Item)], cancel);
            foreach (var (_, done) in batch) done.TrySetResult();
        }
        catch (PostgresException) when (batch.Count > 1)
        {
            // One of them is to blame; the others must not suffer for it.
            foreach (var entry in batch) await WriteAsync([entry], cancel);
        }
        catch (Exception error) when (error is NpgsqlException or TimeoutException or InvalidOperationException or IOException)
        {
            foreach (var (_, done) in batch) done.TrySetException(error);
        }
    }
}
