using System.Collections.Immutable;
using Osv.Placement.Nodes;
using Osv.Placement.Plans;
using Osv.Placement.Requests;

namespace Osv.Placement.Tests.Support;

/// <summary>Small fleets and requests for named examples.</summary>
internal static class Example
{
    public const int Gibibyte = PartitionLimits.UnitsPerGibibyte;

    /// <summary>A node of equal cells; cores have consecutive numbers, memory of a cell is one range, cells lie 64 GiB apart.</summary>
    public static NodeDescription Node(string name, int cells = 2, int coresPerCell = 8, int coresPerDomain = 4, int threads = 1, int gibibytesPerCell = 32) => new()
    {
        Name = name,
        Threads =
        [
            .. from core in Enumerable.Range(0, cells * coresPerCell)
               from thread in Enumerable.Range(0, threads)
               select new ThreadDescription((uint)(core * threads + thread), (uint)(core / coresPerCell), (uint)(core / coresPerDomain), (uint)core),
        ],
        Memory = [.. Enumerable.Range(0, cells).Select(cell => new MemoryRange((64 * cell + 1) * Gibibyte, gibibytesPerCell * Gibibyte, (uint)cell))],
    };

    public static PlacementRequest Request(string tenant = "t", int cores = 1, int gibibytes = 1) =>
        new() { Tenant = tenant, Cores = cores, MemoryUnits = gibibytes * Gibibyte };

    public static Planner Planner(params IEnumerable<NodeDescription> nodes) => new(new Fleet(nodes, []));

    /// <summary>Plans and commits; the test fails when there is no place.</summary>
    public static Plan Put(this Planner planner, PlacementRequest request)
    {
        PlanResult result = planner.Plan(request);
        Plan plan = result.ShouldBeOfType<Plan>(result is Refusal refusal ? refusal.Text : null);
        planner.Commit(plan).ShouldBeNull();
        return plan;
    }

    public static Plan PutOn(this Planner planner, string node, PlacementRequest request)
    {
        PlanResult result = planner.PlanOn(request, planner.Fleet.FindNode(node));
        Plan plan = result.ShouldBeOfType<Plan>(result is Refusal refusal ? refusal.Text : null);
        planner.Commit(plan).ShouldBeNull();
        return plan;
    }

    public static Refusal Refused(this Planner planner, PlacementRequest request) => planner.Plan(request).ShouldBeOfType<Refusal>();

    public static long Units(this Assignment assignment) => assignment.Memory.Sum(extent => (long)extent.Extent.Bytes) >> 21;

    /// <summary>All that is free, by node and cell, and who runs where: equal texts are equal fleets.</summary>
    public static string Fingerprint(Fleet fleet)
    {
        var text = new System.Text.StringBuilder();
        int cell = 0;
        for (int node = 0; node < fleet.NodeCount; node++)
        {
            text.Append(fleet.Nodes[node].Name).Append(' ').Append(fleet.StateOf(node)).Append(' ');
            text.AppendJoin(' ', fleet.Cells.FreeCoresOf(node).ToArray()).Append(" | ").AppendJoin(' ', fleet.Cells.ReachableUnitsOf(node).ToArray());
            text.Append(" | ").Append(fleet.Whole.FreeCoresOf(node)[0]).Append(' ').Append(fleet.Whole.FreeUnitsOf(node)[0]).Append(' ').Append(fleet.Whole.ReachableUnitsOf(node)[0]).Append(" | ");
            for (int i = 0; i < fleet.Cells.FreeCoresOf(node).Length; i++, cell++) text.AppendJoin(' ', fleet.FreeRangesOf(cell).ToArray()).Append(';');
            text.Append(" | ").AppendJoin(' ', fleet.TenantsOn(node).Select(tenant => tenant.Name).Order(StringComparer.Ordinal)).Append('\n');
        }
        return text.ToString();
    }

    public static ImmutableArray<DeviceRequest> Devices(string kind, int count) => [new DeviceRequest(kind, count)];
}
