using Grpc.Core;
using Osv.Contracts.Node;
using Osv.Netboot;

namespace Osv.ControlPlaneDouble;

/// <summary>All that is known of nodes, and a way to wait for it. Thread-safe.</summary>
public sealed class Registry(Authority authority)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, BootToken> _tokens = new(StringComparer.Ordinal);
    private readonly Dictionary<string, NodeRecord> _nodes = new(StringComparer.Ordinal);
    private readonly List<(BootMachine Machine, string Stage)> _stages = [];
    private readonly List<(string Hash, string Range)> _imageRequests = [];
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Nodes are let in at once; else they wait.</summary>
    public bool Approves { get; set; } = true;

    /// <summary>New streams are turned away.</summary>
    public bool Closed { get; set; }
    /// <summary>Called under the lock with each message that is taken.</summary>
    public Action<NodeRecord, AgentEnvelope>? Taken { get; set; }
    public uint LeaseSeconds { get; set; } = 60;
    public uint HeartbeatSeconds { get; set; } = 1;

    /// <summary>By which certificates are made and end.</summary>
    public TimeProvider Time { get; set; } = TimeProvider.System;
    public TimeSpan RenewAfter { get; set; } = TimeSpan.FromDays(3);

    public IReadOnlyList<NodeRecord> Nodes => Read(() => _nodes.Values.ToList());
    public IReadOnlyList<string> Stages => Read(() => _stages.Select(stage => stage.Stage).ToList());
    public IReadOnlyList<(string Hash, string Range)> ImageRequests => Read(() => _imageRequests.ToList());

    private T Read<T>(Func<T> read)
    {
        lock (_gate) return read();
    }

    /// <summary>Under the lock; wakes whoever waits.</summary>
    public void Change(Action change)
    {
        lock (_gate)
        {
            change();
            _changed.TrySetResult();
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>Returns when the condition holds.</summary>
    /// <exception cref="TimeoutException">It did not in time; the message has what was known then.</exception>
    public async Task WaitAsync(Func<bool> condition, TimeSpan most, string what)
    {
        using var deadline = new CancellationTokenSource(most);
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                if (condition()) return;
                changed = _changed.Task;
            }
            try
            {
                await changed.WaitAsync(deadline.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException($"waited {most.TotalSeconds:0} s for {what}. Stages: {string.Join(", ", Stages)}\n{string.Join("\n", Nodes)}");
            }
        }
    }

    public string IssueToken(BootMachine machine)
    {
        (string token, BootToken kept) = BootToken.Issue(machine, DateTimeOffset.UtcNow);
        Change(() => _tokens[kept.Hash] = kept);
        return token;
    }

    public void Report(BootMachine machine, string stage) => Change(() => _stages.Add((machine, stage)));

    public void CountImageRequest(string hash, string range) => Change(() => _imageRequests.Add((hash, range)));

    internal EnrolReply Enrol(EnrolRequest request)
    {
        BootMachine machine = BootMachine.Parse(request.Machine.Mac, request.Machine.Serial, request.Machine.Uuid);
        string nodeId = $"node-{machine.Uuid}";
        byte[] certificate = authority.CertifyNode(request.CertificateRequest.ToByteArray(), nodeId, Time.GetUtcNow(), out byte[] publicKey);
        lock (_gate)
        {
            BootToken? kept = _tokens.GetValueOrDefault(BootToken.HashOf(request.Token));
            BootTokenVerdict verdict = BootToken.Check(kept, machine, publicKey, DateTimeOffset.UtcNow);
            if (verdict is not (BootTokenVerdict.Good or BootTokenVerdict.SameKeyAgain)) throw new RpcException(new Status(StatusCode.Unauthenticated, $"boot token: {verdict}"));
            _tokens[kept!.Hash] = kept.UsedWith(publicKey);
            if (!Approves) return new EnrolReply { AwaitingApproval = new AwaitingApproval { RetryAfterSeconds = 1 } };
        }
        Change(() => Node(nodeId).Enrolments++);
        return new EnrolReply { Certificate = Certify(nodeId, certificate) };
    }

    internal Certificate Certify(string nodeId, byte[] certificate) => new()
    {
        NodeId = nodeId,
        Certificate_ = Google.Protobuf.ByteString.CopyFrom(certificate),
        Authority = Google.Protobuf.ByteString.CopyFrom(authority.Root),
        RenewAfterUnix = (Time.GetUtcNow() + RenewAfter).ToUnixTimeSeconds(),
    };

    internal Certificate Return(RenewalRequest request, string nodeId)
    {
        if (Closed) throw new RpcException(new Status(StatusCode.Unavailable, "closed for a test"));
        Certificate certificate = Certify(nodeId, Renew(request.CertificateRequest.ToByteArray(), nodeId));
        Change(() => Node(nodeId).Returns++);
        return certificate;
    }

    internal byte[] Renew(byte[] request, string nodeId) => authority.CertifyNode(request, nodeId, Time.GetUtcNow(), out _);

    internal NodeRecord Node(string nodeId)
    {
        lock (_gate)
        {
            if (!_nodes.TryGetValue(nodeId, out NodeRecord? node)) _nodes[nodeId] = node = new NodeRecord(nodeId, this);
            return node;
        }
    }

    /// <summary>Every stream that stands is cut without a word.</summary>
    public void CutStreams()
    {
        foreach (NodeRecord node in Nodes) node.Cut();
    }
}
