using CsCheck;
using Osv.Placement.Nodes;
using Osv.Placement.Plans;
using Osv.Placement.Requests;
using Osv.Placement.Tests.Support;
using static Osv.Placement.Tests.Support.Example;

namespace Osv.Placement.Tests;

public class PreemptionTests
{
    private static PlacementRequest Urgent(int cores, int priority = 10) => Request("urgent", cores) with { Priority = priority, MayPreempt = true };

    [Fact]
    public void Nobody_is_stopped_while_there_is_room()
    {
        Planner planner = Planner(Node("a"), Node("b"));
        planner.PutOn("a", Request("small", cores: 16));
        planner.Plan(Urgent(16)).ShouldBeOfType<Plan>().Releases.ShouldBeEmpty();
    }

    [Fact]
    public void The_least_important_tenant_makes_room()
    {
        Planner planner = Planner(Node("a"), Node("b"));
        planner.PutOn("a", Request("high", cores: 16) with { Priority = 5 });
        planner.PutOn("b", Request("low", cores: 16) with { Priority = 1 });
        Plan plan = planner.Plan(Urgent(2)).ShouldBeOfType<Plan>();
        plan.Releases.ShouldBe(["low"]);
        plan.Best.Node.ShouldBe("b");
        planner.Commit(plan).ShouldBeNull();
        planner.Fleet.FindTenant("low").ShouldBeNull();
        planner.Fleet.FindTenant("urgent").ShouldNotBeNull();
    }

    [Fact]
    public void One_victim_is_better_than_two()
    {
        Planner planner = Planner(Node("a"), Node("b"));
        foreach (int i in Enumerable.Range(0, 4)) planner.PutOn("a", Request($"quarter-{i}", cores: 4));
        foreach (int i in Enumerable.Range(0, 2)) planner.PutOn("b", Request($"half-{i}", cores: 8));
        planner.Plan(Urgent(8)).ShouldBeOfType<Plan>().Releases.Single().ShouldStartWith("half");
    }

    [Fact]
    public void Tenants_of_the_same_priority_stay_and_so_does_the_refusal()
    {
        Planner planner = Planner(Node("a"));
        planner.Put(Request("equal", cores: 16) with { Priority = 10 });
        planner.Plan(Urgent(1)).ShouldBeOfType<Refusal>().Text
            .ShouldBe("1 node: 1 lacks 1 free core; nothing fits on the nodes that the rules allow; stopping tenants of lower priority would not make room");
    }

    [Fact]
    public void A_tenant_that_the_request_must_keep_away_from_can_be_the_victim()
    {
        Planner planner = Planner(Node("a"));
        planner.Put(Request("db"));
        planner.Fleet.Remove("db");
        planner.Put(Request("db") with { Groups = ["db"] });
        Plan plan = planner.Plan(Urgent(1) with { Affinity = [AffinityRule.Apart("db", Topology.Node)] }).ShouldBeOfType<Plan>();
        plan.Releases.ShouldBe(["db"]);
    }

    [Fact]
    public void A_tenant_that_the_request_must_be_near_is_not_the_victim()
    {
        Planner planner = Planner(Node("a"));
        planner.Put(Request("db", cores: 8) with { Groups = ["db"] });
        planner.Put(Request("other", cores: 8));
        Plan plan = planner.Plan(Urgent(8) with { Affinity = [AffinityRule.Together("db", Topology.Node)] }).ShouldBeOfType<Plan>();
        plan.Releases.ShouldBe(["other"]);
    }

    [Fact]
    public void A_plan_whose_victim_has_left_is_not_committed()
    {
        Planner planner = Planner(Node("a"));
        planner.Put(Request("low", cores: 16));
        Plan plan = planner.Plan(Urgent(1)).ShouldBeOfType<Plan>();
        planner.Fleet.Remove("low");
        planner.Commit(plan).ShouldNotBeNull().Reason.ShouldBe(ConflictReason.ReleasedMeanwhile);
    }

    [Fact]
    public void No_choice_of_victims_costs_less() =>
        Generate.Story(maxNodes: 3, maxSteps: 14).Sample(
            story =>
            {
                Planner planner = Generate.Live(story);
                var reference = new Reference(story.Nodes, planner.Fleet.Tenants);
                PlacementRequest request = story.Last with { Priority = 2, MayPreempt = true, Alternatives = 0 };
                List<(int Priority, int Count)> costs = [];
                foreach (NodeDescription node in story.Nodes)
                {
                    PlacedTenant[] lower = [.. reference.On(node).Where(tenant => tenant.Request.Priority < 2)];
                    if (lower.Length > 9) return;
                    for (int mask = 0; mask < 1 << lower.Length; mask++)
                    {
                        PlacedTenant[] victims = [.. lower.Where((_, i) => (mask >> i & 1) != 0)];
                        if (reference.Without(victims).Fits(node, request)) costs.Add((victims.Select(victim => victim.Request.Priority).DefaultIfEmpty(int.MinValue).Max(), victims.Length));
                    }
                }
                if (costs.Count == 0) planner.Plan(request).ShouldBeOfType<Refusal>();
                else
                {
                    Plan plan = planner.Plan(request).ShouldBeOfType<Plan>();
                    List<PlacedTenant> victims = [.. plan.Releases.Select(name => planner.Fleet.FindTenant(name)!)];
                    victims.ShouldAllBe(victim => victim.Assignment.Node == plan.Best.Node);
                    (int, int Count) best = costs.Min();
                    (victims.Select(victim => victim.Request.Priority).DefaultIfEmpty(int.MinValue).Max(), victims.Count).ShouldBe(best, $"victims: {string.Join(' ', plan.Releases)}");
                    planner.Commit(plan).ShouldBeNull();
                }
            },
            iter: 300);
}
