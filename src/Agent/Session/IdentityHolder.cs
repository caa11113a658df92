using System.Security.Cryptography;
using Google.Protobuf;
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
            if (time.GetUtcNow() < _current.RenewAfter || (_nextKey is not null && time.GetElapsedTime(_asked) < s_again)) return null;
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

    public void Dispose()
    {
        _nextKey?.Dispose();
        _current.Dispose();
    }
}
