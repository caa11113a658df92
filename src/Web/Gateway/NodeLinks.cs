using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using Wire = Osv.Contracts.Node;

namespace Osv.Web.Gateway;

/// <summary>The sessions that this replica holds, one for each node. Thread-safe.</summary>
internal sealed class NodeLinks(IOptions<GatewayOptions> options, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<Guid, NodeLink> _links = [];
    private readonly ConcurrentDictionary<Guid, Guid> _nodeOfTenant = [];

    /// <summary>Gives the session of a node a new stream; an older stream gives way.</summary>
    /// <returns>Null: the agent goes on with a session that is not known here.</returns>
    public (NodeLink Link, NodeStream? Before)? Open(Guid node, string name, Wire.Hello hello, NodeStream stream)
    {
        lock (_gate)
        {
            NodeLink? link = _links.GetValueOrDefault(node);
            NodeStream? before = link?.Stream;
            bool known = link is not null && link.Session == hello.SessionId;
            if (hello.Resumed && !known) return null;
            // Its process is the same and it was never welcomed: nothing was said in this session yet.
            if (!hello.Resumed) _links[node] = link = new NodeLink(node, name, hello, time);
            before?.End(Grpc.Core.StatusCode.Aborted, "another connection of this node has taken over");
            link!.Attach(stream);
            return (link, before);
        }
    }

    /// <summary>Those whose stream stands here.</summary>
    public IReadOnlyList<NodeLink> Connected()
    {
        lock (_gate) return [.. _links.Values.Where(link => link.Stream is not null)];
    }

    public NodeLink? Find(Guid node)
    {
        lock (_gate) return _links.GetValueOrDefault(node);
    }

    /// <summary>The session through which a tenant can be reached; null: none of this replica's.</summary>
    public NodeLink? OfTenant(Guid tenant) =>
        _nodeOfTenant.TryGetValue(tenant, out Guid node) && Find(node) is { Stream: not null } link && link.Tenants.ContainsKey(tenant) ? link : null;

    /// <summary>These tenants are placed on the node.</summary>
    public void Placed(NodeLink link, IReadOnlyDictionary<Guid, PlacedTenant> tenants)
    {
        link.SetTenants(tenants);
        foreach (Guid tenant in tenants.Keys) _nodeOfTenant[tenant] = link.Node;
    }

    /// <summary>Forgets sessions that nobody has taken up again in time.</summary>
    public void Forget()
    {
        lock (_gate)
        {
            foreach (NodeLink gone in _links.Values.Where(link => link.Stream is null && time.GetElapsedTime(link.LeftAt) > options.Value.RememberFor).ToList()) _links.Remove(gone.Node);
            foreach (var entry in _nodeOfTenant.Where(entry => !_links.TryGetValue(entry.Value, out NodeLink? link) || !link.Tenants.ContainsKey(entry.Key)).ToList()) _nodeOfTenant.TryRemove(entry);
        }
    }

    /// <summary>Ends all streams: this process stops, and the agents go to another.</summary>
    public void EndAll()
    {
        foreach (NodeLink link in Connected()) link.Stream?.End(Grpc.Core.StatusCode.Unavailable, "this replica stops");
    }
}
