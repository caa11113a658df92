using System.Collections.Concurrent;
using Osv.Scheduler.Hosting;

namespace Osv.Web.Consoles;

/// <summary>Wakes those who watch a console on this replica when it grew. A signal that is missed costs a moment: watchers look by themselves, too.</summary>
public sealed class ConsoleSignals(TimeProvider time)
{
    /// <summary>How long someone elsewhere who typed is taken to watch.</summary>
    private static readonly TimeSpan Attention = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<Guid, List<WakeSignal>> _watchers = [];
    private readonly ConcurrentDictionary<Guid, DateTimeOffset> _elsewhere = new();

    public Watcher Watch(Guid tenant)
    {
        var signal = new WakeSignal();
        lock (_lock)
        {
            if (!_watchers.TryGetValue(tenant, out List<WakeSignal>? signals)) _watchers[tenant] = signals = [];
            signals.Add(signal);
        }
        return new Watcher(this, tenant, signal);
    }

    public void Set(Guid tenant)
    {
        lock (_lock)
        {
            if (!_watchers.TryGetValue(tenant, out List<WakeSignal>? signals)) return;
            foreach (WakeSignal signal in signals) signal.Set();
        }
    }

    /// <summary>Someone who uses another replica types, and waits for the echo.</summary>
    public void WatchElsewhere(Guid tenant) => _elsewhere[tenant] = time.GetUtcNow() + Attention;

    public bool IsWatchedElsewhere(Guid tenant)
    {
        if (!_elsewhere.TryGetValue(tenant, out DateTimeOffset until)) return false;
        if (until > time.GetUtcNow()) return true;
        _elsewhere.TryRemove(tenant, out _);
        return false;
    }

    /// <summary>Someone who watches.</summary>
    public sealed class Watcher : IDisposable
    {
        private readonly ConsoleSignals _signals;
        private readonly Guid _tenant;
        private readonly WakeSignal _signal;

        internal Watcher(ConsoleSignals signals, Guid tenant, WakeSignal signal) => (_signals, _tenant, _signal) = (signals, tenant, signal);

        /// <summary>Returns when the console grew, or after <paramref name="most"/>.</summary>
        public Task WaitAsync(TimeSpan most, TimeProvider time, CancellationToken cancel) => _signal.WaitAsync(most, time, cancel);

        public void Dispose()
        {
            lock (_signals._lock)
            {
                List<WakeSignal> others = _signals._watchers[_tenant];
                others.Remove(_signal);
                if (others.Count == 0) _signals._watchers.Remove(_tenant);
            }
        }
    }
}
