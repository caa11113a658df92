using Osv.Placement.Filters;
using Osv.Placement.Nodes;
using Osv.Placement.Plans;
using Osv.Placement.Requests;

namespace Osv.Placement.Reservations;

/// <summary>
/// A reservation is a number of holders: placements that own cores, memory and devices but run nothing. A claim takes the
/// place of the smallest holder of its project whose node then takes it; what the holder had beyond that becomes free.
/// </summary>
internal static class ReservationPlanner
{
    public static PlanResult Plan(Planner planner, PlacementRequest request, NodeSet? within)
    {
        Fleet fleet = planner.Fleet;
        PlacementRequest plain = request with { Claims = null, MayPreempt = false, Alternatives = 0 };
        List<PlacedTenant> holders =
        [
            .. fleet.HoldersOf(request.Project, request.Claims!)
                .Where(tenant => within is null || within.Contains(fleet.FindNode(tenant.Assignment.Node)))
                .OrderBy(tenant => tenant.Request.Cores).ThenBy(tenant => tenant.Request.MemoryUnits).ThenBy(tenant => tenant.Name, StringComparer.Ordinal),
        ];
        string? last = null;
        foreach (PlacedTenant holder in holders)
        {
            using var trial = new Trial(fleet);
            trial.Remove(holder);
            int node = fleet.FindNode(holder.Assignment.Node);
            PlanResult result = planner.Plan(plain, planner.Only(node));
            if (result is Plan plan) return plan with { Request = request, Releases = [holder.Name] };
            last = ((Refusal)result).Text;
        }
        string text = holders.Count == 0
            ? $"project {request.Project} has no unclaimed holder of reservation {request.Claims}"
            : $"{holders.Count} {(holders.Count == 1 ? "holder" : "holders")} of reservation {request.Claims}, none on a node that takes the request; the last: {last}";
        return new Refusal(request, holders.Count, [new Rejection(FilterName.Reservation, request.Claims!, holders.Count, text)], [new Survivors(FilterName.Reservation, 0)], [], text);
    }
}
