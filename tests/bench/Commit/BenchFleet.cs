using Osv.Data.Placements;
using Osv.Database.Testing;

namespace Osv.Bench.Commit;

/// <summary>
/// A planner's view of the fleet, shared by several planners and deliberately stale: what others have in flight is not in it,
/// so plans collide as those of independent schedulers do. Every tenant gets 4 cores, 8 GiB and a NIC.
/// </summary>
internal sealed class BenchFleet(Guid[] nodes)
{
    public const int CoresPerTenant = 4;

    public const long BytesPerTenant = 8L << 30;

    /// <summary>Two cells of 32 cores and 256 GiB with 8 NICs each: 16 tenants a node.</summary>
    public static NodeShape Shape { get; } = new() { Cells = 2, CoresPerCell = 32, MemoryBytesPerCell = 256L << 30, NicsPerCell = 8, DisksPerCell = 0 };

    public static int PlacesPerNode => Shape.Cells * Shape.CoresPerCell / CoresPerTenant;

    private readonly bool[,] _taken = new bool[nodes.Length, PlacesPerNode];

    public int Places => nodes.Length * PlacesPerNode;

    /// <summary>A place that is free as far as is known, searched from a random node on; null: none.</summary>
    public (int Node, int Place)? Find(Random random)
    {
        int start = random.Next(nodes.Length);
        for (int i = 0; i < nodes.Length; i++)
        {
            int node = (start + i) % nodes.Length;
            for (int place = 0; place < PlacesPerNode; place++)
            {
                if (!_taken[node, place]) return (node, place);
            }
        }
        return null;
    }

    /// <summary>Called with the answer of the database: the place is ours, or it is another's.</summary>
    public void Learn((int Node, int Place) found) => _taken[found.Node, found.Place] = true;

    public PlacementPlan Plan(Guid tenant, (int Node, int Place) found)
    {
        int placesPerCell = PlacesPerNode / Shape.Cells, cell = found.Place / placesPerCell, slot = found.Place % placesPerCell;
        return new PlacementPlan
        {
            TenantId = tenant,
            NodeId = nodes[found.Node],
            ApicIds = [.. Enumerable.Range(found.Place * CoresPerTenant, CoresPerTenant)],
            Memory = [new MemoryStretch(NodeShape.MemoryStart(cell) + (slot * BytesPerTenant), BytesPerTenant)],
            PciAddresses = [NodeShape.Nic(cell, slot)],
        };
    }
}
