using System.Diagnostics;
using System.Security.Cryptography;
using Grpc.Core;
using Grpc.Net.Client;
using Osv.Agent.Session;
using Osv.Contracts.Node;

namespace Osv.Bench.Streams;

/// <summary>
/// A node's agent as the control plane meets it: a connection of its own over mutual TLS, one stream, a heartbeat whenever it is due, and a partition
/// that runs for every tenant it is told of. The transport is the agent's own.
/// </summary>
internal sealed class SimulatedAgent(Credential credential, SwarmOrder order, Lags lags) : IDisposable
{
    private const int MostFailures = 5;

    private readonly string _session = Guid.NewGuid().ToString("N");
    private readonly SemaphoreSlim _writing = new(1);
    private readonly Queue<(ulong Sequence, long Due)> _heartbeats = [];
    private NodeIdentity? _identity;
    private GrpcChannel? _channel;
    private AsyncDuplexStreamingCall<AgentEnvelope, ControlEnvelope>? _call;
    private ulong _sequence, _received;

    public TimeSpan HeartbeatEvery { get; private set; }

    /// <summary>Connects and is welcomed; where a connection does not come about, it tries again after a while, as an agent does.</summary>
    /// <returns>How often it did not come about.</returns>
    public async Task<int> ConnectAsync(CancellationToken cancel)
    {
        var backOff = new BackOff(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(10));
        for (int failures = 0; ; failures++)
        {
            try
            {
                await TryConnectAsync(cancel);
                return failures;
            }
            catch (RpcException) when (failures < MostFailures)
            {
                HangUp();
                await Task.Delay(backOff.Next(), cancel);
            }
        }
    }

    private async Task TryConnectAsync(CancellationToken cancel)
    {
        using var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(credential.Key, out _);
        _identity = NodeIdentity.Create(key, credential.Node.ToString(), credential.Certificate, order.Authority, long.MaxValue / 2_000_000_000);
        _channel = GrpcChannel.ForAddress(order.Gateway, new GrpcChannelOptions { HttpHandler = NodeIdentity.Transport(order.Authority, _identity), DisposeHttpClient = true });
        _call = new NodeSession.NodeSessionClient(_channel).Connect(cancellationToken: cancel);
        await _call.RequestStream.WriteAsync(new AgentEnvelope { Hello = new Hello { SessionId = _session, BootId = credential.Node.ToString("N"), AgentVersion = "bench" } }, cancel);
        if (!await _call.ResponseStream.MoveNext(cancel) || _call.ResponseStream.Current.Welcome is not { } welcome) throw new InvalidDataException($"node {credential.Node} was not welcomed");
        HeartbeatEvery = TimeSpan.FromSeconds(welcome.HeartbeatSeconds);
    }

    /// <summary>Says heartbeats and hears what comes until cancelled. Ends early only when the control plane ends the stream.</summary>
    /// <param name="phase">Of the first heartbeat.</param>
    public async Task RunAsync(TimeSpan phase, CancellationToken cancel)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        Task hearing = HearAsync(ended.Token), beating = BeatAsync(phase, ended.Token);
        await Task.WhenAny(hearing, beating);
        await ended.CancelAsync();
        await Task.WhenAll(hearing, beating);
    }

    private async Task BeatAsync(TimeSpan phase, CancellationToken cancel)
    {
        long due = Stopwatch.GetTimestamp() + (long)(phase.TotalSeconds * Stopwatch.Frequency), step = (long)(HeartbeatEvery.TotalSeconds * Stopwatch.Frequency);
        for (; ; due += step)
        {
            TimeSpan wait = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), due);
            if (wait > TimeSpan.Zero) await Task.Delay(wait, cancel);
            await SayAsync(new AgentEnvelope { Heartbeat = new Heartbeat { UptimeMs = (ulong)Environment.TickCount64, ResidentBytes = 40 << 20, MemoryFreeBytes = 300 << 20 } }, due, cancel);
        }
    }

    private async Task HearAsync(CancellationToken cancel)
    {
        while (await _call!.ResponseStream.MoveNext(cancel))
        {
            ControlEnvelope heard = _call.ResponseStream.Current;
            long now = Stopwatch.GetTimestamp();
            lock (_heartbeats)
            {
                while (_heartbeats.TryPeek(out (ulong Sequence, long Due) first) && first.Sequence <= heard.Acknowledged) lags.Add(Stopwatch.GetElapsedTime(_heartbeats.Dequeue().Due, now));
            }
            if (heard.Sequence != 0) _received = heard.Sequence;
            if (heard.Desired is { } desired) await SayAsync(new AgentEnvelope { Observed = Observe(desired) }, null, cancel);
        }
        throw new EndOfStreamException($"the control plane ended the stream of node {credential.Node}");
    }

    private static ObservedState Observe(DesiredState desired)
    {
        var state = new ObservedState { DesiredRevision = desired.Revision };
        uint number = 0;
        foreach (DesiredPartition wanted in desired.Partitions)
        {
            state.Partitions.Add(new ObservedPartition { TenantId = wanted.TenantId, Phase = PartitionPhase.Running, Partition = ++number, StartGeneration = wanted.StartGeneration, Instance = 1, ApicIds = { wanted.ApicIds } });
        }
        return state;
    }

    /// <param name="due">Of a heartbeat: when it should have been said.</param>
    private async Task SayAsync(AgentEnvelope envelope, long? due, CancellationToken cancel)
    {
        await _writing.WaitAsync(cancel);
        try
        {
            (envelope.Sequence, envelope.Acknowledged) = (++_sequence, _received);
            if (due is { } when)
            {
                lock (_heartbeats) _heartbeats.Enqueue((envelope.Sequence, when));
            }
            await _call!.RequestStream.WriteAsync(envelope, cancel);
        }
        finally
        {
            _writing.Release();
        }
    }

    public void Dispose()
    {
        HangUp();
        _writing.Dispose();
    }

    private void HangUp()
    {
        _call?.Dispose();
        _channel?.Dispose();
        _identity?.Dispose();
    }
}
