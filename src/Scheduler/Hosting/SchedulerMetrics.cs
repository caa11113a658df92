using System.Diagnostics.Metrics;

namespace Osv.Scheduler.Hosting;

/// <summary>What the scheduler counts, under the meter <see cref="MeterName"/>.</summary>
public sealed class SchedulerMetrics : IDisposable
{
    public const string MeterName = "Osv.Scheduler";

    private readonly Meter _meter;
    private readonly Counter<long> _decisions, _commits, _conflicts, _transitions, _failures, _messages;
    private readonly Histogram<double> _planning;
    private QueueFigures _queue = new(new Dictionary<string, long>(), new Dictionary<string, long>());

    public SchedulerMetrics(IMeterFactory factory)
    {
        _meter = factory.Create(MeterName);
        _decisions = _meter.CreateCounter<long>("osv.scheduler.decisions", description: "Planning attempts by outcome: plan, refusal, preemption");
        _commits = _meter.CreateCounter<long>("osv.scheduler.commits", description: "Placements that are on disk");
        _conflicts = _meter.CreateCounter<long>("osv.scheduler.conflicts", description: "Plans that the commit refused, by conflict");
        _transitions = _meter.CreateCounter<long>("osv.scheduler.transitions", description: "Transitions that this replica wrote, by machine and state");
        _failures = _meter.CreateCounter<long>("osv.scheduler.failures", description: "Rounds that ended with an error, by loop");
        _messages = _meter.CreateCounter<long>("osv.scheduler.messages", description: "Outbox messages that were published");
        _planning = _meter.CreateHistogram<double>("osv.scheduler.planning", "s", "Time to plan one batch");
        _meter.CreateObservableGauge("osv.scheduler.due", () => Measurements(_queue.Due, "machine"), description: "Lifecycles that are due, by machine");
        _meter.CreateObservableGauge("osv.scheduler.stalled", () => Measurements(_queue.Stalled, "state"), description: "Lifecycles past their deadline, by machine and state");
    }

    public void Decided(string outcome) => _decisions.Add(1, new KeyValuePair<string, object?>("outcome", outcome));

    public void Planned(TimeSpan elapsed) => _planning.Record(elapsed.TotalSeconds);

    public void Committed(int placements) => _commits.Add(placements);

    public void Conflict(string conflict) => _conflicts.Add(1, new KeyValuePair<string, object?>("conflict", conflict));

    public void Moved(string machine, string state) => _transitions.Add(1, new("machine", machine), new("state", state));

    public void Failed(string loop) => _failures.Add(1, new KeyValuePair<string, object?>("loop", loop));

    public void Published(int messages) => _messages.Add(messages);

    /// <summary>The last count of what waits; the gauges show it.</summary>
    public void Measured(QueueFigures figures) => _queue = figures;

    /// <summary>True for the meter of this scheduler; a process may hold several.</summary>
    public bool Owns(Meter meter) => ReferenceEquals(meter, _meter);

    public void Dispose() => _meter.Dispose();

    private static IEnumerable<Measurement<long>> Measurements(IReadOnlyDictionary<string, long> figures, string tag) =>
        figures.Select(figure => new Measurement<long>(figure.Value, new KeyValuePair<string, object?>(tag, figure.Key)));
}

/// <summary>What waits.</summary>
/// <param name="Due">By machine ("node", "tenant").</param>
/// <param name="Stalled">By machine and state, as "tenant.Loading".</param>
public sealed record QueueFigures(IReadOnlyDictionary<string, long> Due, IReadOnlyDictionary<string, long> Stalled);
