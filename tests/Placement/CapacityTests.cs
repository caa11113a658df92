using System.Collections.Immutable;
using CsCheck;
using Osv.Placement.Capacity;
using Osv.Placement.Nodes;
using Osv.Placement.Plans;
using Osv.Placement.Requests;
using Osv.Placement.Tests.Support;

namespace Osv.Placement.Tests;

public class CapacityTests
{
    private static PlacementRequest Plain(PlacementRequest request) => request with { Groups = [], Affinity = [], Spread = [] };

    [Fact]
    public void As_many_copies_of_a_probe_are_counted_as_can_be_placed() =>
        Generate.Story(maxNodes: 4).Sample(
            story =>
            {
                Planner planner = Generate.Live(story);
                PlacementRequest probe = Plain(story.Last);
                long counted = CapacityReport.Count(planner, probe);
                int placed = 0;
                while (planner.Plan(probe with { Tenant = $"probe-{placed}" }) is Plan plan)
                {
                    planner.Commit(plan).ShouldBeNull();
                    placed++;
                }
                counted.ShouldBe(placed);
            },
            iter: 400);

    [Fact]
    public void The_largest_shapes_are_those_that_no_other_exceeds() =>
        Generate.Story(maxNodes: 4).Sample(
            story =>
            {
                Planner planner = Generate.Live(story);
                var reference = new Reference(story.Nodes, planner.Fleet.Tenants);
                NumaPolicy numa = story.Last.Numa;
                List<(int Cores, int Units)> places =
                [
                    .. from node in story.Nodes
                       where node.State == NodeState.Ready
                       from cell in numa == NumaPolicy.OneCell ? node.Threads.Select(thread => (uint?)thread.Cell).Distinct() : [null]
                       let place = (reference.FreeCores(node, cell), reference.FreeRuns(node, cell).OrderDescending().Take(15).Sum())
                       where place.Item1 > 0 && place.Item2 > 0
                       select place,
                ];
                (int, int)[] expected = [.. places.Distinct().Where(place => !places.Any(other => other != place && other.Cores >= place.Cores && other.Units >= place.Units)).OrderByDescending(place => place.Cores)];
                ImmutableArray<Shape> shapes = CapacityReport.LargestShapes(planner.Fleet, numa);
                shapes.Select(shape => (shape.Cores, shape.MemoryUnits)).ShouldBe(expected);
            },
            iter: 300);
}
