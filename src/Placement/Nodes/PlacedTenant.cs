using Osv.Placement.Plans;
using Osv.Placement.Requests;

namespace Osv.Placement.Nodes;

/// <summary>A tenant, or a holder of a reservation, with what it asked for and what it owns.</summary>
public sealed record PlacedTenant(PlacementRequest Request, Assignment Assignment)
{
    public string Name => Request.Tenant;
}
