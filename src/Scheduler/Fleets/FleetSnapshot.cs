using System.Collections.Immutable;
using Osv.Contracts.ControlDevice;
using Osv.Data.Placements;
using Osv.Placement;
using Osv.Placement.Nodes;
using Osv.Placement.Plans;
using Osv.Placement.Requests;

namespace Osv.Scheduler.Fleets;

/// <summary>
/// The fleet as the planner sees it, with the way back to the database's names. Nodes go by their name, tenants by their id.
/// What it says may be old by the time a plan is committed: the commit decides. One thread at a time.
/// </summary>
public sealed class FleetSnapshot
{
    private readonly Dictionary<string, NodeInventory> _nodes;
    private readonly Dictionary<string, HashSet<string>> _devicesTaken = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string[]> _devicesOf = new(StringComparer.Ordinal);
    private readonly SortedDictionary<int, NodeSet> _byWidth = [];

    internal FleetSnapshot(IReadOnlyList<(NodeInventory Inventory, NodeStanding Standing)> nodes)
    {
        _nodes = nodes.ToDictionary(node => node.Inventory.Name, node => node.Inventory, StringComparer.Ordinal);
        Fleet = new Fleet(nodes.Select(node => node.Inventory.Describe(node.Standing.State, node.Standing.RecentFailures)), []);
        Planner = new Planner(Fleet);
        foreach (string node in _nodes.Keys) _devicesTaken[node] = new HashSet<string>(StringComparer.Ordinal);
        foreach ((NodeInventory inventory, _) in nodes)
        {
            if (!_byWidth.TryGetValue(inventory.Width, out NodeSet? set)) _byWidth[inventory.Width] = set = new NodeSet(Fleet.NodeCount);
            set.Add(Fleet.FindNode(inventory.Name));
        }
    }

    public Fleet Fleet { get; }

    public Planner Planner { get; }

    /// <summary>Requests of the placed tenants, by id.</summary>
    public Dictionary<Guid, TenantRequest> Placed { get; } = [];

    /// <summary>Nodes by threads per core; the planner counts whole cores, so each width is a fleet of its own.</summary>
    public IReadOnlyDictionary<int, NodeSet> ByWidth => _byWidth;

    public Guid NodeId(string node) => _nodes[node].Id;

    /// <summary>Plans on the nodes of every width, narrow ones first; the first plan counts. A refusal speaks for all.</summary>
    public PlanResult Plan(TenantRequest tenant, int replicas = 1)
    {
        Refusal? refused = null;
        foreach ((int width, NodeSet nodes) in _byWidth)
        {
            if (tenant.For(width) is not { } request)
            {
                refused = Join(refused, Whole(tenant, width, nodes.Count));
                continue;
            }
            PlanResult result = Planner.Plan(request with { Replicas = replicas }, _byWidth.Count == 1 ? null : nodes);
            if (result is not Refusal refusal) return result;
            refused = Join(refused, refusal);
        }
        return refused ?? new Refusal(tenant.Request, 0, [], [], [], "there is no node to choose from");
    }

    private static Refusal Whole(TenantRequest tenant, int width, int nodes)
    {
        string text = $"have cores of {width} threads, of which {tenant.CoreCount} is no whole number";
        return new Refusal(tenant.Request, nodes, [new Rejection("threads", "threads", nodes, text)], [], [], $"{nodes} {(nodes == 1 ? "node" : "nodes")}: {nodes} {text}");
    }

    private static Refusal Join(Refusal? first, Refusal second) => first is null ? second : second with
    {
        Nodes = first.Nodes + second.Nodes,
        Rejections = [.. first.Rejections, .. second.Rejections],
        Funnel = [.. first.Funnel, .. second.Funnel],
        Largest = [.. first.Largest, .. second.Largest],
        Text = $"{first.Text}; {second.Text}",
    };

    /// <summary>Takes the place in this snapshot and says what it is in the database's terms. Null: it is no longer free here.</summary>
    public PlacementPlan? Take(Guid tenant, Plan plan, int candidate)
    {
        if (Planner.Commit(plan with { Releases = [] }, candidate) is not null) return null;
        Assignment place = plan.Candidates[candidate];
        NodeInventory node = _nodes[place.Node];
        string[] devices = [.. place.Devices.SelectMany(grant => Pick(tenant, node, grant))];
        _devicesOf[tenant.ToString()] = devices;
        return new PlacementPlan
        {
            TenantId = tenant,
            NodeId = node.Id,
            ApicIds = [.. place.Threads.Select(thread => (int)thread)],
            Memory = [.. place.Memory.Select(memory => new MemoryStretch((long)memory.Extent.HostAddress, (long)memory.Extent.Bytes))],
            PciAddresses = devices,
        };
    }

    /// <summary>Gives back what a tenant has here.</summary>
    public void Drop(Guid tenant)
    {
        string name = tenant.ToString();
        if (Fleet.FindTenant(name) is { } placed && _devicesOf.Remove(name, out string[]? devices)) _devicesTaken[placed.Assignment.Node].ExceptWith(devices);
        Fleet.Remove(name);
        Placed.Remove(tenant);
    }

    /// <summary>Enters a tenant that owns a place.</summary>
    /// <param name="leaving">It is being stopped: whoever needs room takes its place first.</param>
    /// <exception cref="ArgumentException">What it owns is not there or not free.</exception>
    internal void Enter(OwnedPlace place, TenantRequest request, NodeInventory node, bool leaving)
    {
        PlacementRequest asked = request.Request with { Cores = Math.Max(1, place.ApicIds.Count / node.Width), Priority = leaving ? int.MinValue : request.Request.Priority };
        DeviceRow[] devices = [.. node.Devices.Where(device => place.PciAddresses.Contains(device.PciAddress))];
        var assignment = new Assignment
        {
            Node = node.Name,
            Threads = [.. place.ApicIds.OrderBy(node.PhysicalCore).ThenBy(id => id).Select(id => (uint)id)],
            Memory =
            [
                .. place.Memory.Select(memory => new CellExtent(
                    new MemoryExtent { HostAddress = (ulong)memory.Start, Bytes = (ulong)memory.Size }, (uint)node.CellOf(memory.Start))),
            ],
            Devices = [.. devices.GroupBy(device => (device.Class, Cell: node.CellOf(device))).Select(group => new DeviceGrant(group.Key.Class, (uint)group.Key.Cell, group.Count()))],
        };
        if (Fleet.Place(new PlacedTenant(asked, assignment)) is { } conflict) throw new ArgumentException($"tenant {request.Name} on node {node.Name}: {conflict.Text}");
        string[] addresses = [.. devices.Select(device => device.PciAddress)];
        _devicesOf[asked.Tenant] = addresses;
        _devicesTaken[node.Name].UnionWith(addresses);
        Placed[request.Id] = request;
    }

    internal NodeInventory? Inventory(string node) => _nodes.GetValueOrDefault(node);

    /// <summary>Disks that hold the tenant's own data first, then those that hold nobody's: whoever is to come back finds its data as long as others have a choice.</summary>
    private string[] Pick(Guid tenant, NodeInventory node, DeviceGrant grant)
    {
        HashSet<string> taken = _devicesTaken[node.Name];
        string[] picked = [.. node.Devices.Where(device => device.Class == grant.Class && node.CellOf(device) == (int)grant.Cell && !taken.Contains(device.PciAddress))
            .OrderBy(device => device.LastTenant == tenant ? 0 : device.LastTenant is null ? 1 : 2).ThenBy(device => device.PciAddress, StringComparer.Ordinal).Select(device => device.PciAddress).Take(grant.Count)];
        taken.UnionWith(picked);
        return picked;
    }
}
