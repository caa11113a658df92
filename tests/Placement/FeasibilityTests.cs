using CsCheck;
using Osv.Contracts.ControlDevice;
using Osv.Placement.Nodes;
using Osv.Placement.Plans;
using Osv.Placement.Requests;
using Osv.Placement.Tests.Support;

namespace Osv.Placement.Tests;

/// <summary>Random fleets against the reference: what fits, why not, and what would.</summary>
public class FeasibilityTests
{
    [Fact]
    public void There_is_a_plan_exactly_when_some_node_fits_and_each_candidate_does() =>
        Generate.Story().Sample(
            story =>
            {
                Planner planner = Generate.Live(story);
                var reference = new Reference(story.Nodes, planner.Fleet.Tenants);
                HashSet<string> fitting = [.. story.Nodes.Where(node => reference.Fits(node, story.Last)).Select(node => node.Name)];
                if (planner.Plan(story.Last) is Plan plan)
                {
                    plan.Candidates.Select(candidate => candidate.Node).ShouldBeUnique();
                    plan.Candidates.ShouldAllBe(candidate => fitting.Contains(candidate.Node));
                    plan.Candidates.Length.ShouldBe(Math.Min(fitting.Count, 1 + story.Last.Alternatives));
                }
                else fitting.ShouldBeEmpty();
            },
            iter: 600);

    [Fact]
    public void A_refusal_counts_every_node_once_under_the_first_filter_that_takes_it_out() =>
        Generate.Story().Sample(
            story =>
            {
                Planner planner = Generate.Live(story);
                var reference = new Reference(story.Nodes, planner.Fleet.Tenants);
                Dictionary<(string, string), int> expected = story.Nodes
                    .Select(node => reference.Rejection(node, story.Last)).OfType<(string, string)>()
                    .GroupBy(reason => reason).ToDictionary(group => group.Key, group => group.Count());
                Explanation explanation = planner.Explain(story.Last);
                // A filter can have two rules of one dimension: labels twice, or a group in both directions.
                explanation.Rejections.GroupBy(rejection => (rejection.Filter, rejection.Dimension)).ToDictionary(group => group.Key, group => group.Sum(rejection => rejection.Nodes))
                    .ShouldBe(expected, ignoreOrder: true);
                (explanation.Rejections.Sum(rejection => rejection.Nodes) + explanation.Placeable).ShouldBe(story.Nodes.Length);
                if (planner.Plan(story.Last) is not Refusal refusal) return;
                refusal.Rejections.ShouldBe(explanation.Rejections);
                refusal.Funnel.ShouldBe(explanation.Funnel);
            },
            iter: 600);

    [Fact]
    public void The_reason_for_one_node_is_the_one_it_is_counted_under() =>
        Generate.Story().Sample(
            story =>
            {
                Planner planner = Generate.Live(story);
                var reference = new Reference(story.Nodes, planner.Fleet.Tenants);
                for (int node = 0; node < story.Nodes.Length; node++)
                    (planner.WhyNot(story.Last, node) is null).ShouldBe(reference.Fits(story.Nodes[node], story.Last));
            },
            iter: 300);

    [Fact]
    public void The_largest_shapes_fit_and_one_more_of_the_dimension_does_not() =>
        Generate.Story().Sample(
            story =>
            {
                Planner planner = Generate.Live(story);
                if (planner.Plan(story.Last) is not Refusal refusal) return;
                var reference = new Reference(story.Nodes, planner.Fleet.Tenants);
                bool Fits(PlacementRequest request) => story.Nodes.Any(node => reference.Fits(node, request));
                PlacementRequest Of(Shape shape) => story.Last with { Cores = shape.Cores, MemoryUnits = shape.MemoryUnits, Devices = shape.Devices };

                int mostCores = Enumerable.Range(1, 40).LastOrDefault(cores => Fits(story.Last with { Cores = cores }));
                refusal.Largest.Any(shape => shape.Cores == mostCores && shape.MemoryUnits == story.Last.MemoryUnits && shape.Devices.SequenceEqual(story.Last.Devices))
                    .ShouldBe(mostCores > 0);
                foreach (Shape shape in refusal.Largest)
                {
                    Fits(Of(shape)).ShouldBeTrue();
                    if (shape.Cores != story.Last.Cores) Fits(Of(shape with { Cores = shape.Cores + 1 })).ShouldBeFalse();
                    else if (shape.MemoryUnits != story.Last.MemoryUnits) Fits(Of(shape with { MemoryUnits = shape.MemoryUnits + 1 })).ShouldBeFalse();
                }
                bool anything = Fits(story.Last with { Cores = 1, MemoryUnits = 1, Devices = [] });
                refusal.Largest.IsEmpty.ShouldBe(!anything);
            },
            iter: 300);

    [Fact]
    public void The_monitor_accepts_every_candidate() =>
        Generate.Story().Sample(
            story =>
            {
                Planner planner = Generate.Live(story);
                if (planner.Plan(story.Last with { Alternatives = 7 }) is not Plan plan) return;
                foreach (Assignment candidate in plan.Candidates)
                {
                    int node = planner.Fleet.FindNode(candidate.Node);
                    var monitor = new MonitorCheck(story.Nodes[node]);
                    foreach (PlacedTenant tenant in planner.Fleet.TenantsOn(node)) monitor.Create(tenant.Assignment).ShouldBe(ControlStatus.Ok);
                    monitor.Create(candidate).ShouldBe(ControlStatus.Ok);
                    CheckAmounts(story.Nodes[node], story.Last, candidate);
                }
            },
            iter: 600);

    private static void CheckAmounts(NodeDescription node, PlacementRequest request, Assignment candidate)
    {
        Dictionary<uint, ThreadDescription> threads = node.Threads.ToDictionary(thread => thread.ApicId);
        candidate.Threads.Select(apicId => threads[apicId].PhysicalCore).Distinct().Count().ShouldBe(request.Cores);
        candidate.Units().ShouldBe(request.MemoryUnits);
        candidate.Cells.ShouldBe(candidate.Threads.Select(apicId => threads[apicId].Cell).Distinct(), ignoreOrder: true);
        candidate.CacheDomains.ShouldBe(candidate.Threads.Select(apicId => threads[apicId].CacheDomain).Distinct().Count());
        candidate.Memory[0].Extent.GuestAddress.ShouldBe(0UL);
        foreach (DeviceRequest device in request.Devices) candidate.Devices.Where(grant => grant.Class == device.Class).Sum(grant => grant.Count).ShouldBe(device.Count);
        if (request.Numa != NumaPolicy.OneCell) return;
        candidate.Cells.Length.ShouldBe(1);
        candidate.Memory.ShouldAllBe(extent => extent.Cell == candidate.Cells[0]);
        if (request.DeviceLocality == DeviceLocality.Required) candidate.Devices.ShouldAllBe(grant => grant.Cell == candidate.Cells[0]);
    }
}
