using CsCheck;
using Osv.Placement.Nodes;
using Osv.Placement.Plans;
using Osv.Placement.Requests;
using Osv.Placement.Tests.Support;
using static Osv.Placement.Tests.Support.Example;

namespace Osv.Placement.Tests;

public class GangTests
{
    [Fact]
    public void All_replicas_get_a_place_or_none_does()
    {
        Planner planner = Planner(Node("a"), Node("b"));
        Refusal refusal = planner.Refused(Request("job", cores: 8) with { Replicas = 5, Numa = NumaPolicy.OneCell });
        refusal.Text.ShouldBe("4 of 5 replicas fit; for the next, 2 nodes: 2 lack 8 free cores in one NUMA cell; nothing fits on the nodes that the rules allow");
        planner.Fleet.TenantCount.ShouldBe(0);

        GangPlan plan = planner.Plan(Request("job", cores: 8) with { Replicas = 4, Numa = NumaPolicy.OneCell }).ShouldBeOfType<GangPlan>();
        planner.Commit(plan).ShouldBeNull();
        planner.Fleet.Tenants.Select(tenant => tenant.Name).Order(StringComparer.Ordinal).ShouldBe(["job/0", "job/1", "job/2", "job/3"]);
    }

    [Fact]
    public void A_gang_that_meets_a_conflict_commits_nothing()
    {
        Planner planner = Planner(Node("a"), Node("b"));
        GangPlan plan = planner.Plan(Request("job", cores: 8) with { Replicas = 4 }).ShouldBeOfType<GangPlan>();
        planner.PutOn("b", Request("intruder"));
        planner.Commit(plan).ShouldNotBeNull().Reason.ShouldBe(ConflictReason.CoreNotFree);
        planner.Fleet.TenantCount.ShouldBe(1);
    }

    [Fact]
    public void Replicas_spread_over_racks()
    {
        Planner planner = Planner(Enumerable.Range(0, 6).Select(i => Node($"n{i}") with { Rack = $"r{i / 2}" }));
        GangPlan plan = planner.Plan(Request("web") with { Replicas = 6, Groups = ["web"], Spread = [new SpreadRule("web", Topology.Rack)] }).ShouldBeOfType<GangPlan>();
        plan.Replicas.GroupBy(replica => planner.Fleet.Nodes[planner.Fleet.FindNode(replica.Best.Node)].Rack).Select(rack => rack.Count()).ShouldBe([2, 2, 2]);
    }

    [Fact]
    public void A_gang_that_must_stay_together_finds_the_rack_that_holds_it()
    {
        Planner planner = Planner([.. Enumerable.Range(0, 2).Select(i => Node($"a{i}") with { Rack = "small" }), .. Enumerable.Range(0, 3).Select(i => Node($"b{i}") with { Rack = "large" })]);
        planner.PutOn("a0", Request("bait"));      // packing would begin in the small rack
        GangPlan plan = planner.Plan(Request("mpi", cores: 16) with { Replicas = 3, Groups = ["mpi"], Affinity = [AffinityRule.Together("mpi", Topology.Rack)] }).ShouldBeOfType<GangPlan>();
        plan.Replicas.Select(replica => replica.Best.Node).ShouldBe(["b0", "b1", "b2"], ignoreOrder: true);
    }

    [Fact]
    public void A_dry_run_of_a_gang_is_not_committed()
    {
        Planner planner = Planner(Node("a"));
        planner.Commit(planner.Plan(Request("job") with { Replicas = 2, DryRun = true }).ShouldBeOfType<GangPlan>()).ShouldNotBeNull().Reason.ShouldBe(ConflictReason.DryRun);
        planner.Fleet.TenantCount.ShouldBe(0);
    }

    [Fact]
    public void A_gang_fits_exactly_when_so_many_copies_do() =>
        Generate.Story(maxNodes: 4).Sample(
            story =>
            {
                Planner planner = Generate.Live(story);
                PlacementRequest request = story.Last with { Groups = [], Affinity = [], Spread = [] };
                long copies = Capacity.CapacityReport.Count(planner, request);
                if (copies >= 2) planner.Commit(planner.Plan(request with { Replicas = (int)copies }).ShouldBeOfType<GangPlan>()).ShouldBeNull();
                else planner.Plan(request with { Replicas = (int)copies + 1 }).ShouldNotBeOfType<GangPlan>();
            },
            iter: 200);
}
