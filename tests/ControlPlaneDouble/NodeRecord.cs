using System.Text;
using Google.Protobuf;
using Osv.Contracts.Node;

namespace Osv.ControlPlaneDouble;

/// <summary>One node: its session, what it said, what it is told. Under the registry's lock.</summary>
public sealed class NodeRecord(string id, Registry registry)
{
    private readonly Queue<ControlEnvelope> _outbox = [];
    private readonly Dictionary<(string Tenant, ulong Instance), ConsoleText> _consoles = [];
    private ulong _sequence;
    private CancellationTokenSource? _stream;
    private TaskCompletionSource _toSend = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>A console's byte stream as it arrived.</summary>
    private sealed class ConsoleText
    {
        public MemoryStream Bytes { get; } = new();
        public ulong End { get; set; }
        public ulong Lost { get; set; }
    }

    public string Id { get; } = id;
    public int Enrolments { get; internal set; }
    public int Connections { get; private set; }
    public int Sessions { get; private set; }
    public string? SessionId { get; private set; }
    public ulong Received { get; private set; }
    public bool Connected => _stream is not null;
    public Inventory? Inventory { get; private set; }
    public ObservedState Observed { get; private set; } = new();
    public DesiredState Desired { get; private set; } = new();
    public List<PartitionEvent> Events { get; } = [];
    public List<LogLine> Log { get; } = [];
    public Heartbeat? Heartbeat { get; private set; }
    public int Renewals { get; private set; }

    /// <summary>New certificates for ones that had ended.</summary>
    public int Returns { get; internal set; }

    /// <summary>What an exactly-once protocol must never do; each entry names one case.</summary>
    public List<string> Faults { get; } = [];

    public ObservedPartition? Partition(string tenant) => Observed.Partitions.FirstOrDefault(partition => partition.TenantId == tenant);

    /// <summary>Everything a tenant's consoles have printed, oldest instance first.</summary>
    public string Console(string tenant) => string.Concat(_consoles.Where(console => console.Key.Tenant == tenant).OrderBy(console => console.Key.Instance).Select(console => Encoding.UTF8.GetString(console.Value.Bytes.ToArray())));

    /// <summary>How many bytes that is; cheap, for many consoles and much text.</summary>
    public long ConsoleBytes(string tenant) => _consoles.Where(console => console.Key.Tenant == tenant).Sum(console => console.Value.Bytes.Length);

    public ulong ConsoleLost(string tenant) => _consoles.Where(console => console.Key.Tenant == tenant).Aggregate(0UL, (sum, console) => sum + console.Value.Lost);

    public void Want(params DesiredPartition[] partitions) => registry.Change(() =>
    {
        Desired = new DesiredState { Revision = Desired.Revision + 1 };
        Desired.Partitions.Add(partitions);
        Send(new ControlEnvelope { Desired = Desired });
    });

    public void Type(string tenant, string text) => registry.Change(() => Send(new ControlEnvelope { Console = new ConsoleInput { TenantId = tenant, Data = ByteString.CopyFromUtf8(text) } }));

    public void Order(NodeCommand command) => registry.Change(() => Send(new ControlEnvelope { Command = command }));

    private void Send(ControlEnvelope envelope)
    {
        envelope.Sequence = ++_sequence;
        _outbox.Enqueue(envelope);
        _toSend.TrySetResult();
        _toSend = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    public void Cut() => _stream?.Cancel();

    /// <summary>As a control plane that has lost its memory of sessions, not of positions.</summary>
    public void ForgetSession() => registry.Change(() => SessionId = null);

    /// <summary>Null: the session is unknown.</summary>
    internal ControlEnvelope? Welcome(Hello hello, ulong acknowledged, CancellationTokenSource stream)
    {
        ControlEnvelope? welcome = null;
        registry.Change(() =>
        {
            if (hello.Resumed && hello.SessionId != SessionId) return;
            _stream?.Cancel();
            _stream = stream;
            Connections++;
            var said = new Welcome { ServerTimeUnixMs = (ulong)DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), LeaseSeconds = registry.LeaseSeconds, HeartbeatSeconds = registry.HeartbeatSeconds };
            if (!hello.Resumed)
            {
                SessionId = hello.SessionId;
                Sessions++;
                Received = 0;
                _sequence = 0;
                _outbox.Clear();
                if (Events.Count != 0 && Events[^1].BootId == hello.BootId) said.EventsKnown = Events[^1].Number;
                said.Consoles.Add(_consoles.Select(console => new ConsolePosition { TenantId = console.Key.Tenant, Instance = console.Key.Instance, Offset = console.Value.End }));
                if (Desired.Revision != 0) Send(new ControlEnvelope { Desired = Desired });
            }
            else
            {
                Acknowledge(acknowledged);
            }
            welcome = new ControlEnvelope { Welcome = said, Acknowledged = Received };
        });
        return welcome;
    }

    internal void Left(CancellationTokenSource stream) => registry.Change(() =>
    {
        if (_stream == stream) _stream = null;
    });

    private void Acknowledge(ulong upTo)
    {
        while (_outbox.TryPeek(out ControlEnvelope? first) && first.Sequence <= upTo) _outbox.Dequeue();
    }

    /// <summary>What is to be sent after a number, and a task that ends when there is more.</summary>
    internal (IReadOnlyList<ControlEnvelope> Envelopes, Task More) After(ulong sequence)
    {
        IReadOnlyList<ControlEnvelope> envelopes = [];
        Task more = Task.CompletedTask;
        registry.Change(() =>
        {
            envelopes = [.. _outbox.Where(envelope => envelope.Sequence > sequence)];
            more = _toSend.Task;
        });
        return (envelopes, more);
    }

    internal void Receive(AgentEnvelope envelope) => registry.Change(() =>
    {
        Acknowledge(envelope.Acknowledged);
        if (envelope.Sequence == 0 || envelope.Sequence <= Received) return;
        if (envelope.Sequence != Received + 1) Faults.Add($"number {envelope.Sequence} after {Received}");
        Received = envelope.Sequence;
        registry.Taken?.Invoke(this, envelope);
        switch (envelope.BodyCase)
        {
            case AgentEnvelope.BodyOneofCase.Inventory: Inventory = envelope.Inventory; break;
            case AgentEnvelope.BodyOneofCase.Observed: Observed = envelope.Observed; break;
            case AgentEnvelope.BodyOneofCase.Heartbeat: Heartbeat = envelope.Heartbeat; break;
            case AgentEnvelope.BodyOneofCase.Log: Log.Add(envelope.Log); break;
            case AgentEnvelope.BodyOneofCase.Event: Take(envelope.Event); break;
            case AgentEnvelope.BodyOneofCase.Console: Take(envelope.Console); break;
            case AgentEnvelope.BodyOneofCase.Renewal:
                Renewals++;
                Send(new ControlEnvelope { Renewal = new Renewal { Certificate = registry.Certify(Id, registry.Renew(envelope.Renewal.CertificateRequest.ToByteArray(), Id)) } });
                break;
        }
        // An acknowledgement goes out even when there is nothing else to say.
        _toSend.TrySetResult();
        _toSend = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
    });

    private void Take(PartitionEvent happened)
    {
        if (Events.Count != 0 && Events[^1].BootId == happened.BootId && happened.Number != Events[^1].Number + 1) Faults.Add($"event {happened.Number} after {Events[^1].Number}");
        Events.Add(happened);
    }

    private void Take(ConsoleOutput output)
    {
        if (!_consoles.TryGetValue((output.TenantId, output.Instance), out ConsoleText? console)) _consoles[(output.TenantId, output.Instance)] = console = new ConsoleText();
        if (output.Offset < console.End) Faults.Add($"console of {output.TenantId}: byte {output.Offset} again, {console.End} were known");
        else if (output.Offset - console.End > output.LostBefore) Faults.Add($"console of {output.TenantId}: bytes {console.End} to {output.Offset} are missing without a word");
        console.Lost += output.LostBefore;
        console.Bytes.Write(output.Data.Span);
        console.End = output.Offset + (ulong)output.Data.Length;
    }

    public override string ToString() =>
        $"{Id}: {(Connected ? "connected" : "not connected")}, {Connections} connections, received {Received}, observed {Observed}, events {string.Join(' ', Events.Select(one => $"{one.Number}:{one.Kind}/{one.Cause}/p{one.Partition}"))}, faults {string.Join("; ", Faults)}\nlog:\n{string.Join("\n", Log.TakeLast(30).Select(line => $"  {line.Level} {line.Category} {line.Message}"))}\nconsoles:\n{string.Join("\n", _consoles.Keys.Select(key => key.Tenant).Distinct().Select(tenant => Console(tenant)).Select(text => text.Length > 3000 ? text[^3000..] : text))}";
}
