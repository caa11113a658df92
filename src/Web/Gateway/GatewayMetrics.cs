using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Osv.Web.Gateway;

/// <summary>What the gateway counts and traces, under the name <see cref="Name"/>.</summary>
internal sealed class GatewayMetrics : IDisposable
{
    public const string Name = "Osv.Web.Gateway";

    public static ActivitySource Source { get; } = new(Name);

    /// <summary>Seconds; fine around the second within which a heartbeat is to be on disk, and a change on its way.</summary>
    private static readonly InstrumentAdvice<double> Buckets = new() { HistogramBucketBoundaries = [0.05, 0.1, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.5, 2, 5, 10] };

    private readonly Meter _meter;
    private readonly UpDownCounter<long> _streams;
    private readonly Counter<long> _messages, _refused, _enrolments;
    private readonly Histogram<double> _heartbeatLag, _push;

    public GatewayMetrics(IMeterFactory factory)
    {
        _meter = factory.Create(Name);
        _streams = _meter.CreateUpDownCounter<long>("osv.gateway.streams", description: "Streams of agents that stand");
        _messages = _meter.CreateCounter<long>("osv.gateway.messages", description: "Messages of agents that were taken, by kind");
        _refused = _meter.CreateCounter<long>("osv.gateway.refused", description: "Messages of agents that were not taken, by kind");
        _enrolments = _meter.CreateCounter<long>("osv.gateway.enrolments", description: "Requests for certificates, by outcome");
        _heartbeatLag = _meter.CreateHistogram<double>("osv.gateway.heartbeat.lag", "s", "From the arrival of a heartbeat until it is stored", tags: null, advice: Buckets);
        _push = _meter.CreateHistogram<double>("osv.gateway.desired.push", "s", "From a change of desired state until it is on its way to the node", tags: null, advice: Buckets);
    }

    public void Connected() => _streams.Add(1);

    public void Disconnected() => _streams.Add(-1);

    public void Taken(string kind) => _messages.Add(1, new KeyValuePair<string, object?>("kind", kind));

    public void Refused(string kind) => _refused.Add(1, new KeyValuePair<string, object?>("kind", kind));

    public void Enrolled(string outcome) => _enrolments.Add(1, new KeyValuePair<string, object?>("outcome", outcome));

    public void HeartbeatStored(TimeSpan lag) => _heartbeatLag.Record(lag.TotalSeconds);

    public void Pushed(TimeSpan latency) => _push.Record(Math.Max(0, latency.TotalSeconds));

    public void Dispose() => _meter.Dispose();
}
