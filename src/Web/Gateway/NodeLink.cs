using Google.Protobuf;
using Wire = Osv.Contracts.Node;

namespace Osv.Web.Gateway;

/// <summary>
/// A session with a node's agent: numbers both ways as session.proto says, and what was said. It outlives streams. In memory only: a session that is
/// forgotten begins anew from positions in the database. Thread-safe.
/// </summary>
internal sealed class NodeLink(Guid node, string name, Wire.Hello hello, TimeProvider time)
{
    /// <summary>Reports measured against older ones than the last so many are not judged.</summary>
    private const int PlansKept = 32;

    private const int MostComplaints = 20;

    /// <summary>An agent that acknowledges nothing for so many messages is broken.</summary>
    private const int MostUnacknowledged = 4096;

    private readonly Lock _gate = new();
    private readonly Queue<Wire.ControlEnvelope> _unacknowledged = [];
    private readonly Dictionary<ulong, DesiredPlan> _plans = [];
    private readonly Queue<ulong> _planOrder = [];
    private readonly TaskCompletionSource _tenantsKnown = NewSignal();
    private TaskCompletionSource _more = NewSignal();
    private ulong _sequence;
    private int _complaints;
    private long _stored;
    private bool _resend;

    public Guid Node { get; } = node;

    public string Name { get; } = name;

    public string Session { get; } = hello.SessionId;

    /// <summary>Names the boot of the monitor; an agent's process lives in one.</summary>
    public string MonitorBoot { get; } = hello.BootId;

    public string AgentVersion { get; } = hello.AgentVersion;

    /// <summary>It was said that the management Linux is short of memory. Of the reading side alone.</summary>
    public bool ShortOfMemory { get; set; }

    /// <summary>What was learnt about the node's tenants from its reports. Of the reading side alone.</summary>
    public TenantMemory Memory { get; } = new();

    /// <summary>Highest number that was taken without a gap.</summary>
    public ulong Received { get; private set; }

    /// <summary>Null: no stream stands.</summary>
    public NodeStream? Stream { get; private set; }

    /// <summary>When the last stream ended, by a clock that never jumps; of no meaning while one stands.</summary>
    public long LeftAt { get; private set; }

    /// <summary>What was last said to the agent in this session.</summary>
    public DesiredPlan? Last { get; private set; }

    /// <summary>The placements on the node, as last read.</summary>
    public IReadOnlyDictionary<Guid, PlacedTenant> Tenants { get; private set; } = new Dictionary<Guid, PlacedTenant>();

    /// <summary>Ends when the placements were read: nothing of the agent is judged before.</summary>
    public Task TenantsKnown => _tenantsKnown.Task;

    public void SetTenants(IReadOnlyDictionary<Guid, PlacedTenant> tenants)
    {
        Tenants = tenants;
        _tenantsKnown.TrySetResult();
    }

    public void Attach(NodeStream stream)
    {
        lock (_gate) Stream = stream;
    }

    /// <returns>True: it was the present one.</returns>
    public bool Detach(NodeStream stream)
    {
        lock (_gate)
        {
            if (Stream != stream) return false;
            Stream = null;
            LeftAt = time.GetTimestamp();
            return true;
        }
    }

    public void Take(ulong sequence)
    {
        lock (_gate)
        {
            Received = sequence;
            Signal();
        }
    }

    /// <returns>False: that was never sent.</returns>
    public bool Acknowledge(ulong upTo)
    {
        lock (_gate)
        {
            if (upTo > _sequence) return false;
            while (_unacknowledged.TryPeek(out Wire.ControlEnvelope? first) && first.Sequence <= upTo) _unacknowledged.Dequeue();
            return true;
        }
    }

    /// <summary>False once the log has enough of this session's faults.</summary>
    public bool MayComplain() => Interlocked.Increment(ref _complaints) <= MostComplaints;

    /// <summary>Numbers it, keeps it until it is acknowledged, and has it sent.</summary>
    /// <returns>False: no stream stands, or the agent does not keep up.</returns>
    public bool Send(Wire.ControlEnvelope envelope)
    {
        lock (_gate)
        {
            if (Stream is null || _unacknowledged.Count >= MostUnacknowledged) return false;
            Enqueue(envelope);
            return true;
        }
    }

    /// <summary>Says what is wanted, unless it was said.</summary>
    /// <returns>True: it is on its way.</returns>
    public bool Want(DesiredPlan plan)
    {
        lock (_gate)
        {
            if (Stream is null || _unacknowledged.Count >= MostUnacknowledged) return false;
            if (Last is { } last)
            {
                if (!_resend && last.SaysTheSameAs(plan)) return false;
                if (plan.Revision <= last.Revision) plan = plan with { Revision = last.Revision + 1 };
            }
            _resend = false;
            Remember(plan);
            Enqueue(plan.ToEnvelope());
            return true;
        }
    }

    /// <summary>
    /// The agent says on connecting which desired state it has taken over. If it is another than was said last, and that is not on its way, it is said
    /// anew: an agent whose lease ran out waits for that word.
    /// </summary>
    public void Compare(ulong revision)
    {
        lock (_gate)
        {
            bool underWay = Last is { } last && _unacknowledged.Any(envelope => envelope.Desired?.Revision == last.Revision);
            if (Last is null || (revision != Last.Revision && !underWay)) _resend = true;
            // What it has already must not be newer than what we say now.
            if (revision > (Last?.Revision ?? 0)) Last = new DesiredPlan { Revision = revision, Partitions = [], Tenants = new Dictionary<Guid, PlacedTenant>() };
        }
    }

    /// <summary>The agent was left without a word for so long that its lease may have run out: what is wanted is said anew.</summary>
    public void Repeat()
    {
        lock (_gate) _resend = true;
    }

    /// <summary>The plan that a report was measured against; null: none of this session's.</summary>
    public DesiredPlan? PlanOf(ulong revision)
    {
        lock (_gate) return _plans.GetValueOrDefault(revision);
    }

    /// <summary>A heartbeat that came at this time is stored, with its lease.</summary>
    public void Stored(long receivedStamp)
    {
        lock (_gate)
        {
            if (receivedStamp > _stored) _stored = receivedStamp;
            Signal();
        }
    }

    /// <summary>
    /// Whether a word may go to the node. Every word renews the node's own lease; so none may go that would let it last longer than the stored one,
    /// by which its tenants are started elsewhere.
    /// </summary>
    public bool MaySpeak(TimeSpan slack)
    {
        lock (_gate) return _stored != 0 && time.GetElapsedTime(_stored) < slack;
    }

    /// <summary>What is to be sent after a number, and a task that ends when there is more to do.</summary>
    public (IReadOnlyList<Wire.ControlEnvelope> Envelopes, ulong Received, Task More) After(ulong sent)
    {
        lock (_gate)
        {
            if (_more.Task.IsCompleted) _more = NewSignal();
            return ([.. _unacknowledged.Where(envelope => envelope.Sequence > sent)], Received, _more.Task);
        }
    }

    private void Remember(DesiredPlan plan)
    {
        Last = plan;
        _plans[plan.Revision] = plan;
        _planOrder.Enqueue(plan.Revision);
        if (_planOrder.Count > PlansKept) _plans.Remove(_planOrder.Dequeue());
    }

    private void Enqueue(Wire.ControlEnvelope envelope)
    {
        envelope.Sequence = ++_sequence;
        _unacknowledged.Enqueue(envelope);
        Signal();
    }

    private void Signal() => _more.TrySetResult();

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}

/// <summary>One connection of an agent.</summary>
internal sealed class NodeStream(CancellationToken aborted) : IDisposable
{
    private readonly CancellationTokenSource _end = CancellationTokenSource.CreateLinkedTokenSource(aborted);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Different for every stream, in the whole fleet.</summary>
    public string Id { get; } = Guid.NewGuid().ToString("N");

    public CancellationToken Token => _end.Token;

    /// <summary>Why it is ended from this side; null: it is not.</summary>
    public Grpc.Core.Status? Verdict { get; private set; }

    /// <summary>Nothing of it is under way any more.</summary>
    public Task Ended => _ended.Task;

    public void End(Grpc.Core.StatusCode code, string why)
    {
        Verdict ??= new Grpc.Core.Status(code, why);
        _end.Cancel();
    }

    /// <summary>Nothing more is read or written.</summary>
    public void Stop() => _end.Cancel();

    public void Dispose()
    {
        _ended.TrySetResult();
        _end.Dispose();
    }
}
