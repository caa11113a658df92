using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Osv.Scheduler.Hosting;

namespace Osv.Scheduler.Tests;

/// <summary>Listens to one counter of one scheduler.</summary>
public sealed class MetricRecorder : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly ConcurrentQueue<string> _tags = [];

    public MetricRecorder(SchedulerMetrics metrics, string instrument)
    {
        _listener.InstrumentPublished = (published, listener) =>
        {
            if (metrics.Owns(published.Meter) && published.Name == instrument) listener.EnableMeasurementEvents(published);
        };
        _listener.SetMeasurementEventCallback<long>((_, _, tags, _) => _tags.Enqueue(tags.Length == 0 ? "" : tags[0].Value?.ToString() ?? ""));
        _listener.Start();
    }

    /// <summary>First tag of every measurement.</summary>
    public IEnumerable<string> Tags => _tags;

    public void Dispose() => _listener.Dispose();
}
