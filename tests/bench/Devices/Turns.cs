namespace Osv.Bench.Devices;

/// <summary>
/// Guests take turns: while one measures, the others wait. A round begins when all of them wait, and who was last in it is the
/// first of the next, so that none is always measured first. One that leaves in a turn of its own is waited for no longer.
/// </summary>
internal sealed class Turns(int guests)
{
    private readonly Lock _lock = new();
    private readonly List<Waiting> _waiting = [];
    /// <summary>The order of the last round.</summary>
    private readonly List<object> _order = [];
    private readonly Queue<Waiting> _round = new();
    private int _guests = guests;

    /// <summary>Ends the guest's turn, if it has one; completes when the next begins.</summary>
    public Task TakeAsync(object guest)
    {
        lock (_lock)
        {
            var waiting = new Waiting(guest);
            _waiting.Add(waiting);
            Next();
            return waiting.Begun.Task;
        }
    }

    public void Leave()
    {
        lock (_lock)
        {
            _guests--;
            Next();
        }
    }

    /// <summary>Nobody measures now: whoever else is in a round waits, and before the first round all do.</summary>
    private void Next()
    {
        if (_round.Count == 0 && _waiting.Count >= _guests)
        {
            _order.Reverse();
            foreach (Waiting waiting in _waiting.OrderBy(waiting => _order.IndexOf(waiting.Guest))) _round.Enqueue(waiting);
            _waiting.Clear();
            _order.Clear();
            _order.AddRange(_round.Select(waiting => waiting.Guest));
        }
        if (_round.TryDequeue(out Waiting? next)) next.Begun.SetResult();
    }

    private sealed record Waiting(object Guest)
    {
        public TaskCompletionSource Begun { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
