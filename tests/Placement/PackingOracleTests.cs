using Google.OrTools.Sat;
using Osv.Placement.Batches;
using Osv.Placement.Nodes;
using Osv.Placement.Requests;
using static Osv.Placement.Tests.Support.Example;

namespace Osv.Placement.Tests;

/// <summary>Batches of tenants against the fewest nodes that a solver proves to be possible.</summary>
public class PackingOracleTests
{
    private const int Cells = 2, CoresPerCell = 16, GibibytesPerCell = 64;

    private static PlacementRequest[] Batch(Random random, int count) =>
    [
        .. Enumerable.Range(0, count).Select(i =>
        {
            int cores = random.Next(1, 11);
            return Request($"t{i}", cores, Math.Min(GibibytesPerCell, cores * random.Next(1, 8))) with { Numa = NumaPolicy.OneCell, Alternatives = 0 };
        }),
    ];

    /// <summary>
    /// Fewest nodes that the solver cannot rule out: every tenant in one cell of one node, cells limited in cores and memory.
    /// The limit counts the solver's steps, not time; where it ends the search, its proven lower bound counts.
    /// </summary>
    private static int Fewest(PlacementRequest[] batch, int atMost)
    {
        int sums = (int)Math.Ceiling(Math.Max(
            batch.Sum(request => request.Cores) / (double)(Cells * CoresPerCell),
            batch.Sum(request => (double)request.MemoryUnits) / (Cells * GibibytesPerCell * Gibibyte)));
        if (sums == atMost) return sums;
        var model = new CpModel();
        BoolVar[] used = [.. Enumerable.Range(0, atMost).Select(node => model.NewBoolVar($"used {node}"))];
        BoolVar[][] at = [.. batch.Select((_, i) => Enumerable.Range(0, atMost * Cells).Select(cell => model.NewBoolVar($"{i} at {cell}")).ToArray())];
        for (int i = 0; i < batch.Length; i++)
        {
            model.AddExactlyOne(at[i]);
            // Nodes are alike, and so are the cells of one: the first tenants may as well lie in the first ones.
            for (int cell = i + 1; cell < at[i].Length; cell++)
                if (cell / Cells > i || i == 0) model.Add(at[i][cell] == 0);
        }
        for (int cell = 0; cell < atMost * Cells; cell++)
        {
            model.Add(LinearExpr.WeightedSum(at.Select(places => places[cell]), batch.Select(request => (long)request.Cores)) <= CoresPerCell * used[cell / Cells]);
            model.Add(LinearExpr.WeightedSum(at.Select(places => places[cell]), batch.Select(request => (long)request.MemoryUnits / Gibibyte)) <= GibibytesPerCell * used[cell / Cells]);
        }
        for (int node = 1; node < atMost; node++) model.AddImplication(used[node], used[node - 1]);
        model.Add(LinearExpr.Sum(used) >= sums);
        model.Minimize(LinearExpr.Sum(used));
        var solver = new CpSolver { StringParameters = "num_search_workers:1,max_deterministic_time:3" };
        solver.Solve(model).ShouldBeOneOf(CpSolverStatus.Optimal, CpSolverStatus.Feasible);
        return (int)Math.Ceiling(solver.BestObjectiveBound - 1e-6);
    }

    [Fact]
    public void Batches_use_within_two_percent_of_the_fewest_nodes_possible()
    {
        int used = 0, fewest = 0, solved = 0;
        for (int seed = 0; seed < 40; seed++)
        {
            PlacementRequest[] batch = Batch(new Random(seed), 12 + seed % 3 * 4);
            Planner planner = Planner(Enumerable.Range(0, 12).Select(i => Node($"n{i}", Cells, CoresPerCell, coresPerDomain: 4, gibibytesPerCell: GibibytesPerCell)));
            BatchResult result = BatchPlanner.Plan(planner, batch);
            result.Placed.ShouldBe(batch.Length);
            int best = Fewest(batch, result.Opened);
            result.Opened.ShouldBeGreaterThanOrEqualTo(best);
            used += result.Opened;
            fewest += best;
            if (result.Opened == best) solved++;
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{used} nodes used, {fewest} at least needed; {solved} of 40 batches proven optimal");
        ((double)used / fewest).ShouldBeLessThanOrEqualTo(1.02, $"{used} nodes used, {fewest} at least needed; {solved} of 40 batches proven optimal");
    }

    [Fact]
    public void A_batch_can_be_committed_in_its_order()
    {
        Planner planner = Planner(Enumerable.Range(0, 12).Select(i => Node($"n{i}", Cells, CoresPerCell, coresPerDomain: 4, gibibytesPerCell: GibibytesPerCell)));
        BatchResult result = BatchPlanner.Plan(planner, [.. Batch(new Random(1), 20), Request("gang", cores: 3) with { Replicas = 3 }, Request("whale", cores: 99)]);
        result.Placed.ShouldBe(21);
        foreach (Plans.PlanResult each in result.Results)
        {
            if (each is Plans.Plan plan) planner.Commit(plan).ShouldBeNull();
            else if (each is Plans.GangPlan gang) planner.Commit(gang).ShouldBeNull();
            else each.ShouldBeOfType<Plans.Refusal>().Request.Tenant.ShouldBe("whale");
        }
        (planner.Fleet.NodeCount - Enumerable.Range(0, planner.Fleet.NodeCount).Count(node => planner.Fleet.TenantsOn(node).Count == 0)).ShouldBe(result.Opened);
    }
}
