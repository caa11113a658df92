using Osv.Scheduler.Fleets;

namespace Osv.Web.Capacity;

/// <summary>The fleet as the planner sees it, for those who only look. Who asks while it is being read shares the next reading with all who ask.</summary>
public sealed class FleetView(FleetCache cache, TimeProvider time) : IDisposable
{
    private readonly SemaphoreSlim _one = new(1);
    private FleetSnapshot? _snapshot;
    private long _readAt;

    /// <summary>Reads something of a snapshot that is not older than this call.</summary>
    public async Task<T> ReadAsync<T>(Func<FleetSnapshot, T> read, CancellationToken cancel)
    {
        long asked = time.GetTimestamp();
        await _one.WaitAsync(cancel);
        try
        {
            if (_snapshot is null || _readAt < asked)
            {
                _snapshot = null;
                _readAt = time.GetTimestamp();
                _snapshot = await cache.RefreshAsync(cancel);
            }
            return read(_snapshot);
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>One node as of now; null: there is none. It costs what the node holds, not what the fleet does.</summary>
    public Task<NodeReading?> NodeAsync(Guid node, CancellationToken cancel) => cache.NodeAsync(node, cancel);

    public void Dispose() => _one.Dispose();
}
