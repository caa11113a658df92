using System.Security.Cryptography;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Osv.Contracts.Node;

namespace Osv.Agent.Session;

/// <summary>The node's present identity, and a new one when its time has come. Thread-safe.</summary>
public sealed class IdentityHolder(NodeIdentity first, Enroller enroller, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan s_again = TimeSpan.FromMinutes(1);
    private readonly Lock _gate = new();
    private NodeIdentity _current = first;
    private ECDsa? _nextKey;
    private long _asked;
    private bool _doubted;

    public NodeIdentity Current
    {
        get
        {
            lock (_gate) return _current;
        }
    }

    /// <summary>A request to send, when it is time for one.</summary>
    public RenewalRequest? Ask()
    {
        lock (_gate)
        {
            if (time.GetUtcNow() < _current.RenewAfter || (_asked != 0 && time.GetElapsedTime(_asked) < s_again)) return null;
            _asked = time.GetTimestamp();
            _nextKey?.Dispose();
            _nextKey = NodeIdentity.NewKey();
            return new RenewalRequest { CertificateRequest = ByteString.CopyFrom(NodeIdentity.Request(_nextKey, _current.NodeId)) };
        }
    }

    /// <summary>The answer; used from the next connection on.</summary>
    public void Take(Certificate certificate)
    {
        lock (_gate)
        {
            if (_nextKey is null) return;
            _current = enroller.Accept(_nextKey, certificate);
            _nextKey.Dispose();
            _nextKey = null;
        }
    }

    /// <summary>The control plane does not take it: it may have ended, though by this clock it has not.</summary>
    public void Doubt()
    {
        lock (_gate) _doubted = true;
    }

    /// <summary>Gets a new certificate with one that has ended, as no session takes it any more; does nothing while it is good.</summary>
    /// <exception cref="RpcException">The control plane cannot be reached or refuses; a boot of the machine may be needed, as it says.</exception>
    public async Task RenewEndedAsync(Uri control, CancellationToken cancel)
    {
        NodeIdentity old;
        lock (_gate)
        {
            old = _current;
            if (!_doubted && time.GetUtcNow() <= old.Ends) return;
            _doubted = false;
        }
        using ECDsa key = NodeIdentity.NewKey();
        var request = new RenewalRequest { CertificateRequest = ByteString.CopyFrom(NodeIdentity.Request(key, old.NodeId)) };
        using GrpcChannel channel = GrpcChannel.ForAddress(control, new GrpcChannelOptions { HttpHandler = NodeIdentity.Transport(old.Authority, old), DisposeHttpClient = true });
        Certificate certificate = await new Enrolment.EnrolmentClient(channel).RenewAsync(request, deadline: DateTime.UtcNow.AddSeconds(30), cancellationToken: cancel).ConfigureAwait(false);
        lock (_gate) _current = enroller.Accept(key, certificate);
    }

    public void Dispose()
    {
        _nextKey?.Dispose();
        _current.Dispose();
    }
}
