using System.Collections.Immutable;
using Osv.Placement.Nodes;
using Osv.Placement.Plans;
using Osv.Placement.Requests;

namespace Osv.Placement.Batches;

/// <summary>Answers for several requests, in an order in which the plans can be committed one after the other.</summary>
/// <param name="Opened">Nodes that were empty before.</param>
public sealed record BatchResult(ImmutableArray<PlanResult> Results, int Placed, int Opened);

/// <summary>
/// Plans requests that wait together. Large ones go first, so that small ones do not starve them; of several orders the one
/// counts that places most and then opens fewest empty nodes.
/// </summary>
public static class BatchPlanner
{
    /// <param name="attempts">Orders to try; fewer when one opens no more nodes than the sums of cores and memory ask for.</param>
    public static BatchResult Plan(Planner planner, IReadOnlyList<PlacementRequest> requests, int attempts = 24)
    {
        var sizes = new Sizes(planner.Fleet, requests);
        int bound = sizes.FewestOpened;
        BatchResult? best = null;
        int[] bestOrder = [];
        var random = new Random(requests.Count);        // seeded: the same batch gives the same plan
        for (int attempt = 0; attempt < attempts; attempt++)
        {
            int[] order = attempt < Sizes.Orders ? sizes.Order(attempt) : Shuffled(bestOrder, random);
            BatchResult result = PlanInOrder(planner, requests, order);
            if (best is null || result.Placed > best.Placed || (result.Placed == best.Placed && result.Opened <= best.Opened)) (best, bestOrder) = (result, order);
            if (best.Placed == requests.Count && best.Opened <= bound) break;
        }
        return best ?? new BatchResult([], 0, 0);
    }

    private static BatchResult PlanInOrder(Planner planner, IReadOnlyList<PlacementRequest> requests, int[] order)
    {
        Fleet fleet = planner.Fleet;
        using var trial = new Trial(fleet);
        int emptyBefore = fleet.Empty.Count, placed = 0;
        ImmutableArray<PlanResult>.Builder results = ImmutableArray.CreateBuilder<PlanResult>(order.Length);
        foreach (int i in order)
        {
            PlanResult result = planner.Plan(requests[i]);
            ImmutableArray<Plan> plans = result switch { Plan plan => [plan], GangPlan gang => gang.Replicas, _ => [] };
            foreach (Plan plan in plans)
                if (planner.TryCommit(trial, plan with { Request = plan.Request with { DryRun = false } }, candidate: 0) is { } conflict)
                    throw new InvalidOperationException($"{plan.Request.Tenant} was planned but cannot be placed: {conflict.Text}");
            if (!plans.IsEmpty) placed++;
            results.Add(result);
        }
        return new BatchResult(results.MoveToImmutable(), placed, emptyBefore - fleet.Empty.Count);
    }

    /// <summary>Exchanges a few pairs: near a good order there often is a better one.</summary>
    private static int[] Shuffled(int[] order, Random random)
    {
        int[] shuffled = [.. order];
        for (int i = 0; i < 1 + shuffled.Length / 8; i++)
        {
            int a = random.Next(shuffled.Length), b = random.Next(shuffled.Length);
            (shuffled[a], shuffled[b]) = (shuffled[b], shuffled[a]);
        }
        return shuffled;
    }

    /// <summary>Sizes of requests as shares of the largest node.</summary>
    private sealed class Sizes
    {
        public const int Orders = 4;
        private readonly double[] _cores;
        private readonly double[] _units;

        public Sizes(Fleet fleet, IReadOnlyList<PlacementRequest> requests)
        {
            double mostCores = 1, mostUnits = 1, freeCores = 0, freeUnits = 0;
            for (int node = 0; node < fleet.NodeCount; node++)
            {
                mostCores = Math.Max(mostCores, fleet.Whole.Cores[node]);
                mostUnits = Math.Max(mostUnits, fleet.Whole.Units[node]);
                if (fleet.Empty.Contains(node)) continue;
                freeCores += fleet.Whole.FreeCores[node];
                freeUnits += fleet.Whole.FreeUnits[node];
            }
            _cores = [.. requests.Select(request => request.Replicas * request.Cores / mostCores)];
            _units = [.. requests.Select(request => request.Replicas * request.MemoryUnits / mostUnits)];
            double needed = Math.Max(_cores.Sum() - freeCores / mostCores, _units.Sum() - freeUnits / mostUnits);
            FewestOpened = (int)Math.Ceiling(needed - 1e-9);
        }

        /// <summary>No plan that places all opens fewer.</summary>
        public int FewestOpened { get; }

        public int[] Order(int which) =>
            [.. Enumerable.Range(0, _cores.Length).OrderByDescending(i => which switch
            {
                0 => Math.Max(_cores[i], _units[i]),
                1 => _cores[i] + _units[i],
                2 => _cores[i],
                _ => _units[i],
            })];
    }
}
