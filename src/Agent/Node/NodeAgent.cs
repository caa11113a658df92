using System.Security.Cryptography;
using System.Threading.Channels;
using Google.Protobuf;
using Osv.Agent.Consoles;
using Osv.Agent.Health;
using Osv.Agent.Images;
using Osv.Agent.Notes;
using Osv.Agent.Partitions;
using Osv.Agent.Session;
using Osv.Contracts.ControlDevice;
using Osv.Contracts.Node;

namespace Osv.Agent.Node;

/// <summary>
/// The agent of one node: keeps partitions as they are wanted, whether or not the control plane can be heard, and tells it what
/// it sees. One lock guards the control device and all that hangs on it.
/// </summary>
public sealed class NodeAgent : ISessionPeer, IDisposable
{
    private static readonly TimeSpan s_observe = TimeSpan.FromSeconds(10), s_note = TimeSpan.FromSeconds(1), s_status = TimeSpan.FromSeconds(1), s_calmStatus = TimeSpan.FromSeconds(10);
    private const int MaxUnacknowledged = 256;
    /// <summary>The end of the year 9999.</summary>
    private const ulong MaxTimeUnixMs = 253_402_300_799_999;
    private const long MaxConsoleBytes = 512 << 10;

    private readonly Lock _gate = new();
    private readonly ControlDevice _device;
    private readonly NodeNotes _notes;
    private readonly IImageSource _images;
    private readonly NodePaths _paths;
    private readonly TimeProvider _time;
    private readonly AgentLog _log;
    private readonly Reconciler _reconciler;
    private readonly ConsoleHub _consoles;
    private readonly Prober _prober;
    private readonly PanicWitness _witness;
    private readonly EventFeed _feed;
    private readonly EventReporter _events;
    private readonly string _bootId;
    private readonly Pace _pace;
    private readonly AutoResetEvent _nudge = new(false);
    private readonly Channel<bool> _word = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private ulong _eventsSeen, _logSent, _changesTold;
    private TimeSpan _heartbeat = TimeSpan.FromSeconds(5);
    private long _lastHeartbeat, _lastObserved, _lastNote, _lastStatus;
    private bool _inventoryDue, _observedDue, _fenced, _expired, _stirred, _full;
    private readonly Queue<string> _probes = [];

    public NodeAgent(ControlDevice device, NodeNotes notes, IImageSource images, NodePaths paths, TimeProvider time, AgentLog log)
    {
        _device = device;
        _notes = notes;
        _images = images;
        _paths = paths;
        _time = time;
        _log = log;
        if (notes.Node is null) notes.Save(new NodeNote { BootId = Guid.NewGuid().ToString("N") });
        NodeNote note = notes.Node!;
        _bootId = note.BootId;
        Lease = new Lease(time);
        ulong silence = note.ContactStamp == 0 ? 0 : Math.Max(Stamp, note.ContactStamp) - note.ContactStamp;
        Lease.Resume(TimeSpan.FromSeconds(note.LeaseSeconds), TimeSpan.FromMilliseconds(silence / device.Header.TscKilohertz));
        _consoles = new ConsoleHub(device, paths.Consoles, time, log);
        _prober = new Prober(device, time, log);
        _witness = new PanicWitness(device, _prober);
        _reconciler = new Reconciler(device, notes, images, Lease, note => _witness.Confirms(note, _consoles.EndsInPanic(note)), time, log);
        _pace = new Pace(time);
        _feed = new EventFeed(device);
        _events = new EventReporter(_feed, new MonitorClock(device.Header.TscKilohertz, device.Header.ManagementTsc, time.GetTimestamp() - Uptime * time.TimestampFrequency / 1000, time), _bootId);
        _eventsSeen = _feed.Last;
        if (File.Exists(paths.Desired)) Remember(DesiredState.Parser.ParseFrom(File.ReadAllBytes(paths.Desired)));
    }

    /// <summary>Milliseconds since the management Linux booted: a clock that outlives the agent and never jumps.</summary>
    private static long Uptime => Environment.TickCount64;

    public Lease Lease { get; }

    /// <summary>Set once the node is enrolled.</summary>
    public IdentityHolder? Identity { get; set; }

    /// <summary>Told the control plane's time whenever it comes.</summary>
    public Action<DateTimeOffset>? ServerTime { get; init; }

    /// <summary>Set once there is one.</summary>
    public SessionClient? Session { get; set; }
    public string ControlPlane { get; init; } = string.Empty;

    /// <summary>Time stamp counter now: the monitor began partition 0 when this Linux began to count its uptime, give or take its decompression.</summary>
    private ulong Stamp => _device.Header.ManagementTsc + (ulong)Uptime * _device.Header.TscKilohertz;

    /// <summary>
    /// Until cancelled. On a thread of its own, which only sleeps between two looks: a timer and a worker for each of them were most of what an
    /// idle agent took of its core.
    /// </summary>
    public Task RunAsync(CancellationToken cancel) => Task.Factory.StartNew(() => Run(cancel), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private void Run(CancellationToken cancel)
    {
        using CancellationTokenRegistration end = cancel.Register(() => _nudge.Set());
        while (!cancel.IsCancellationRequested)
        {
            Tick();
            _nudge.WaitOne(_pace.Next);
        }
        _device.EndBeat();
    }

    /// <summary>One look at everything but the network, and a round over it where something goes on or it has been a while.</summary>
    public void Tick()
    {
        lock (_gate)
        {
            _device.Beat();
            bool stirs = Stirs();
            if (!_pace.Look(stirs)) return;
            _consoles.Pump([.. _reconciler.Notes]);
            foreach (EventEntry entry in _feed.After(_eventsSeen))
            {
                _eventsSeen = entry.Sequence;
                if (entry.Kind == (uint)Contracts.ControlDevice.EventKind.Hung) _prober.Hung(entry.ApicId);
                _log.Info("health", $"event {entry.Sequence}: {(Contracts.ControlDevice.EventKind)entry.Kind} partition {entry.Partition} {(StopCause)entry.Cause}");
            }
            _witness.IsAsking = false;
            _reconciler.Tick();
            _witness.Keep(_reconciler.Notes);
            if (_reconciler.AwaitsWord && !_fenced) ForgetFenced();
            _fenced = _reconciler.AwaitsWord;
            _events.Learn(_reconciler.Notes);
            _prober.Tick(_reconciler.Notes);
            while (_probes.TryDequeue(out string? tenant))
            {
                if (_reconciler.Notes.FirstOrDefault(note => note.TenantId == tenant) is { } note) _prober.Probe(note);
            }
            if (Due(ref _lastStatus, stirs ? s_status : s_calmStatus)) WriteStatus();
            if (HasWord()) _word.Writer.TryWrite(true);
        }
    }

    /// <summary>Whether there is something for <see cref="Collect"/>.</summary>
    private bool HasWord() =>
        _inventoryDue || IsObservedDue || IsDue(_lastHeartbeat, _heartbeat) || _events.Sent < _feed.Last || _logSent < _log.Last || _consoles.HasOutput;

    /// <summary>What is seen is told when something has changed, and now and then for its counters.</summary>
    private bool IsObservedDue => _observedDue || Changes != _changesTold || IsDue(_lastObserved, s_observe);

    private ulong Changes => _reconciler.Changes + _prober.Changes;

    /// <summary>Whether anything goes on that time alone does not bring.</summary>
    private bool Stirs()
    {
        bool expired = Lease.HasExpired;
        bool stirs = _stirred || _feed.Last != _eventsSeen || expired != _expired || _reconciler.IsAtWork || _consoles.HasWork || _witness.IsAsking;
        (_stirred, _expired) = (false, expired);
        return stirs;
    }

    /// <summary>Something has come from outside: no need to wait for the next look.</summary>
    private void Nudge()
    {
        _stirred = true;
        _nudge.Set();
    }

    public async Task WordAsync(CancellationToken cancel) => await _word.Reader.ReadAsync(cancel).ConfigureAwait(false);

    private bool IsDue(long last, TimeSpan period) => last == 0 || _time.GetElapsedTime(last) >= period;

    private bool Due(ref long last, TimeSpan period)
    {
        if (!IsDue(last, period)) return false;
        last = _time.GetTimestamp();
        return true;
    }

    private ObservedState Observe()
    {
        ObservedState state = _reconciler.Observe();
        foreach (CoreSample sample in state.Partitions.SelectMany(partition => partition.Cores)) sample.Health = _prober.HealthOf(sample.ApicId);
        return state;
    }

    private void WriteStatus()
    {
        ObservedState state = Observe();
        int free = 0, cores = 0;
        foreach (CoreEntry core in _device.Cores)
        {
            cores++;
            if (core.Partition == 0xFFFF) free++;
        }
        var status = new AgentStatus(
            AgentVersion.Text, _notes.Node?.NodeId, _bootId, ControlPlane, Session?.ConnectedSince, Lease.Silence.TotalSeconds, Lease.Duration.TotalSeconds,
            _reconciler.Revision, _device.Header.ManagementRestarts, cores, free, Environment.WorkingSet, _time.GetUtcNow(),
            [.. state.Partitions.Select(seen => new PartitionStatus(seen.TenantId, _reconciler.NameOf(seen.TenantId), seen.Partition, seen.Phase.ToString(), seen.Reason, seen.ApicIds.Count, seen.MemoryBytes, seen.Restarts))]);
        try
        {
            NodePaths.WriteWhole(_paths.Status, status.ToJson());
            _full = false;
        }
        catch (IOException error)
        {
            // Only people miss it, and the log tells them why.
            if (!_full) _log.Error("node", $"the status cannot be written: {error.Message}");
            _full = true;
        }
    }

    private bool Remember(DesiredState desired)
    {
        if (!_reconciler.Apply(desired)) return false;
        _log.Info("partitions", $"desired state {desired.Revision}: {desired.Partitions.Count} partitions");
        return true;
    }

    /// <summary>An agent after us, which may find the lease renewed, must not start what this one has fenced.</summary>
    private void ForgetFenced()
    {
        if (!File.Exists(_paths.Desired)) return;
        DesiredState desired = DesiredState.Parser.ParseFrom(File.ReadAllBytes(_paths.Desired));
        List<DesiredPartition> keep = [.. desired.Partitions.Where(partition => partition.Lease != LeasePolicy.Stop)];
        if (keep.Count == desired.Partitions.Count) return;
        desired.Partitions.Clear();
        desired.Partitions.Add(keep);
        Keep(desired);
    }

    /// <summary>For an agent after us. Where there is no memory for it, that one begins nothing until it is told again: better than by what was wanted before.</summary>
    private void Keep(DesiredState desired)
    {
        try
        {
            NodePaths.WriteWhole(_paths.Desired, desired.ToByteArray());
        }
        catch (IOException error)
        {
            File.Delete(_paths.Desired);
            _log.Error("node", $"desired state {desired.Revision} cannot be kept: {error.Message}");
        }
    }

    /// <summary>The control plane was heard: the lease begins anew, and an agent after us shall know.</summary>
    private void Contact()
    {
        Lease.Renew();
        if (Due(ref _lastNote, s_note)) SaveLease();
    }

    private void SaveLease() => _notes.Save(_notes.Node! with { ContactStamp = Stamp, LeaseSeconds = (uint)Lease.Duration.TotalSeconds });

    public Hello Greet()
    {
        lock (_gate) return new Hello { BootId = _bootId, AgentVersion = AgentVersion.Text, DesiredRevision = _reconciler.AwaitsWord ? 0 : _reconciler.Revision };
    }

    public void Welcomed(Welcome welcome, bool resumed)
    {
        lock (_gate)
        {
            Lease.SetDuration(TimeSpan.FromSeconds(welcome.LeaseSeconds));
            Contact();
            SaveLease();
            if (welcome.HeartbeatSeconds != 0) _heartbeat = TimeSpan.FromSeconds(welcome.HeartbeatSeconds);
            if (welcome.ServerTimeUnixMs is not 0 and <= MaxTimeUnixMs) ServerTime?.Invoke(DateTimeOffset.FromUnixTimeMilliseconds((long)welcome.ServerTimeUnixMs));
            _observedDue = true;
            _lastHeartbeat = 0;
            _inventoryDue = true;
            Nudge();
            if (resumed) return;
            _events.Sent = Math.Min(welcome.EventsKnown, _feed.Last);
            _consoles.Resume(welcome.Consoles);
            _logSent = 0;
        }
    }

    public void Receive(ControlEnvelope envelope)
    {
        lock (_gate)
        {
            Contact();
            // An acknowledgement follows each heartbeat and gives nothing to do.
            if (envelope.BodyCase != ControlEnvelope.BodyOneofCase.None) Nudge();
            switch (envelope.BodyCase)
            {
                case ControlEnvelope.BodyOneofCase.Desired:
                    // What cannot be applied is not kept either: the next agent could do no more with it.
                    if (Remember(envelope.Desired)) Keep(envelope.Desired);
                    _observedDue = true;
                    break;
                case ControlEnvelope.BodyOneofCase.Console:
                    if (!_reconciler.Knows(envelope.Console.TenantId) || !_consoles.Type(envelope.Console.TenantId, envelope.Console.Data.Span)) _log.Warn("console", $"{envelope.Console.TenantId} does not read its console: {envelope.Console.Data.Length} bytes dropped");
                    break;
                case ControlEnvelope.BodyOneofCase.Probe:
                    _probes.Enqueue(envelope.Probe.TenantId);
                    break;
                case ControlEnvelope.BodyOneofCase.Command:
                    Obey(envelope.Command);
                    break;
                case ControlEnvelope.BodyOneofCase.Renewal:
                    Renew(envelope.Renewal.Certificate);
                    break;
            }
        }
    }

    /// <summary>A certificate that is none leaves the node with the one that it has; it asks again.</summary>
    private void Renew(Certificate? certificate)
    {
        try
        {
            if (certificate is not null) Identity?.Take(certificate);
        }
        catch (Exception error) when (error is CryptographicException or ArgumentException)
        {
            _log.Warn("enrolment", $"the control plane sent a certificate that this node cannot use: {error.Message}");
        }
    }

    private void Obey(NodeCommand command)
    {
        // A command that this agent does not know, or one that is taken back, is no reason to stop every tenant.
        if (command is not ({ Reset: true } or { PowerOff: true })) return;
        _log.Warn("node", $"the control plane orders: {command.CommandCase}");
        _device.Request.Partition = 0;
        _device.Request.Argument = command.CommandCase == NodeCommand.CommandOneofCase.PowerOff ? 2u : 1u;
        _device.Execute(ControlOperation.Stop);
    }

    public IEnumerable<AgentEnvelope> Collect(Outbox outbox)
    {
        var said = new List<AgentEnvelope>();
        lock (_gate)
        {
            if (outbox.Unacknowledged >= MaxUnacknowledged) return said;
            if (_inventoryDue)
            {
                _inventoryDue = false;
                said.Add(new AgentEnvelope { Inventory = InventoryReader.Read(_device, _bootId, _images.Capacity, _time) });
            }
            said.AddRange(_events.Collect().Select(happened => new AgentEnvelope { Event = happened }));
            if (IsObservedDue)
            {
                (_observedDue, _changesTold, _lastObserved) = (false, Changes, _time.GetTimestamp());
                said.Add(new AgentEnvelope { Observed = Observe() });
            }
            if (outbox.ConsoleBytes < MaxConsoleBytes) said.AddRange(_consoles.Collect().Select(output => new AgentEnvelope { Console = output }));
            foreach (LogLine line in _log.After(_logSent).Take(64))
            {
                _logSent = line.Number;
                said.Add(new AgentEnvelope { Log = line });
            }
            if (Identity?.Ask() is { } renewal) said.Add(new AgentEnvelope { Renewal = renewal });
            if (Due(ref _lastHeartbeat, _heartbeat))
            {
                said.Add(new AgentEnvelope { Heartbeat = new Heartbeat { UptimeMs = (ulong)Uptime, ResidentBytes = (ulong)Environment.WorkingSet, MemoryFreeBytes = LinuxMemory.Available() } });
            }
        }
        return said;
    }

    public void Dispose()
    {
        _consoles.Dispose();
        _nudge.Dispose();
    }
}
