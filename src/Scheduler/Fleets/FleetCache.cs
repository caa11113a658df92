using System.Data;
using Microsoft.Extensions.Logging;
using Npgsql;
using Osv.Scheduler.Hosting;

namespace Osv.Scheduler.Fleets;

/// <summary>
/// Keeps a snapshot of the fleet and brings it up to date by differences, because reading the inventory of ten thousand nodes takes
/// longer than planning for them. Losing it costs one full read. One thread at a time.
/// </summary>
public sealed class FleetCache(NpgsqlDataSource source, SchedulerOptions options, TimeProvider time, ILogger<FleetCache> log)
{
    private Dictionary<Guid, NodeInventory> _inventory = [];
    private Dictionary<Guid, NodeStanding> _standings = [];
    private Dictionary<Guid, (long Fence, bool Leaving)> _places = [];
    private HashSet<Guid> _leftOut = [];
    private FleetSnapshot? _snapshot;
    private DateTimeOffset _readAt;

    /// <summary>The next refresh reads everything: a commit found the inventory changed.</summary>
    public void Forget() => _snapshot = null;

    /// <summary>The snapshot as of now.</summary>
    public async Task<FleetSnapshot> RefreshAsync(CancellationToken cancel)
    {
        await using NpgsqlConnection connection = await source.OpenConnectionAsync(cancel);
        await using NpgsqlTransaction moment = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancel);
        List<NodeStanding> standings = await FleetReader.StandingsAsync(connection, cancel);
        Dictionary<Guid, (long Fence, bool Leaving)> places = await FleetReader.PlacesAsync(connection, cancel);
        bool whole = _snapshot is null || time.GetUtcNow() - _readAt > options.InventoryFor
            || standings.Count != _standings.Count || standings.Exists(node => !_standings.TryGetValue(node.Id, out NodeStanding known) || known.Version != node.Version);
        if (whole) await ReadAsync(connection, standings, places, cancel);
        else await FollowAsync(connection, standings, places, cancel);
        return _snapshot!;
    }

    /// <summary>One node alone with what is on it, as of now; null: there is none. It leaves the kept snapshot as it is, and any number may be read at a time.</summary>
    public async Task<NodeReading?> NodeAsync(Guid node, CancellationToken cancel)
    {
        await using NpgsqlConnection connection = await source.OpenConnectionAsync(cancel);
        await using NpgsqlTransaction moment = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancel);
        return await FleetReader.NodeAsync(connection, node, cancel);
    }

    private async Task ReadAsync(NpgsqlConnection connection, List<NodeStanding> standings, Dictionary<Guid, (long Fence, bool Leaving)> places, CancellationToken cancel)
    {
        _snapshot = null;
        _inventory = await FleetReader.InventoryAsync(connection, [.. standings.Select(node => node.Id)], cancel);
        Dictionary<Guid, TenantRequest> requests = await TenantRequest.ReadAsync(connection, places.Keys, cancel);
        Dictionary<Guid, OwnedPlace> owned = await FleetReader.OwnedAsync(connection, places.Keys, cancel);
        var leftOut = new HashSet<Guid>();
        FleetSnapshot snapshot;
        while (true)
        {
            List<(NodeInventory, NodeStanding)> nodes = [.. standings.Where(node => !leftOut.Contains(node.Id) && _inventory[node.Id].Cores.Count > 0).Select(node => (_inventory[node.Id], node))];
            if (TryBuild(nodes, owned.Values.Where(place => !leftOut.Contains(place.NodeId)), requests, places, leftOut, out snapshot)) break;
        }
        (_snapshot, _leftOut, _places, _readAt) = (snapshot, leftOut, places, time.GetUtcNow());
        _standings = standings.ToDictionary(node => node.Id);
    }

    /// <summary>A node that contradicts itself, or a tenant on it, must not take the rest of the fleet out of planning.</summary>
    private bool TryBuild(
        List<(NodeInventory Inventory, NodeStanding Standing)> nodes, IEnumerable<OwnedPlace> owned, Dictionary<Guid, TenantRequest> requests, Dictionary<Guid, (long Fence, bool Leaving)> places,
        HashSet<Guid> leftOut, out FleetSnapshot snapshot)
    {
        snapshot = null!;
        int before = leftOut.Count;
        try
        {
            snapshot = new FleetSnapshot(nodes);
        }
        catch (ArgumentException)
        {
            foreach ((NodeInventory Inventory, NodeStanding Standing) node in nodes)
            {
                try
                {
                    _ = new FleetSnapshot([node]);
                }
                catch (ArgumentException error)
                {
                    LeaveOut(node.Inventory, error, leftOut);
                }
            }
            if (leftOut.Count == before) throw;
            return false;
        }
        foreach (OwnedPlace place in owned)
        {
            if (!_inventory.TryGetValue(place.NodeId, out NodeInventory? node) || snapshot.Inventory(node.Name) is null || leftOut.Contains(node.Id)) continue;
            try
            {
                snapshot.Enter(place, requests[place.TenantId], node, places[place.TenantId].Leaving);
            }
            catch (ArgumentException error)
            {
                LeaveOut(node, error, leftOut);
            }
        }
        return leftOut.Count == before;
    }

    private void LeaveOut(NodeInventory node, ArgumentException error, HashSet<Guid> leftOut)
    {
        if (leftOut.Add(node.Id) && !_leftOut.Contains(node.Id)) log.NodeLeftOut(node.Name, error.Message);
    }

    private async Task FollowAsync(NpgsqlConnection connection, List<NodeStanding> standings, Dictionary<Guid, (long Fence, bool Leaving)> places, CancellationToken cancel)
    {
        FleetSnapshot snapshot = _snapshot!;
        foreach (NodeStanding node in standings)
        {
            NodeStanding known = _standings[node.Id];
            int index = snapshot.Fleet.FindNode(_inventory[node.Id].Name);
            if (index >= 0 && known.State != node.State) snapshot.Fleet.SetState(index, node.State);
            if (index >= 0 && known.RecentFailures != node.RecentFailures) snapshot.Fleet.SetRecentFailures(index, node.RecentFailures);
            _standings[node.Id] = node;
        }
        foreach (Guid gone in _places.Keys.Where(tenant => !places.ContainsKey(tenant)).ToList()) snapshot.Drop(gone);
        List<Guid> changed = [.. places.Where(place => !_places.TryGetValue(place.Key, out (long, bool) known) || known != place.Value).Select(place => place.Key)];
        foreach (Guid tenant in changed) snapshot.Drop(tenant);
        // What this process took and never committed.
        foreach (Guid tenant in snapshot.Fleet.Tenants.Select(tenant => Guid.Parse(tenant.Name)).Where(tenant => !places.ContainsKey(tenant)).ToList()) snapshot.Drop(tenant);
        Dictionary<Guid, TenantRequest> requests = await TenantRequest.ReadAsync(connection, changed, cancel);
        Dictionary<Guid, OwnedPlace> owned = await FleetReader.OwnedAsync(connection, changed, cancel);
        try
        {
            foreach (OwnedPlace place in owned.Values)
            {
                if (_inventory.TryGetValue(place.NodeId, out NodeInventory? node) && !_leftOut.Contains(place.NodeId) && snapshot.Inventory(node.Name) is not null)
                {
                    snapshot.Enter(place, requests[place.TenantId], node, places[place.TenantId].Leaving);
                }
            }
            _places = places;
        }
        catch (ArgumentException)
        {
            // The inventory is not the one that the places were sold from.
            await ReadAsync(connection, standings, places, cancel);
        }
    }
}
