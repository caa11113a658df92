using CsCheck;
using Osv.Placement.Draining;
using Osv.Placement.Nodes;
using Osv.Placement.Plans;
using Osv.Placement.Requests;
using Osv.Placement.Tests.Support;
using static Osv.Placement.Tests.Support.Example;

namespace Osv.Placement.Tests;

public class DrainTests
{
    [Fact]
    public void The_preflight_names_who_cannot_leave_and_why()
    {
        Planner planner = Planner(Node("a"), Node("b", cells: 1));
        planner.PutOn("a", Request("large", cores: 12));
        planner.PutOn("a", Request("fixed") with { Pinned = true });
        planner.PutOn("a", Request("small", cores: 2));
        DrainReport report = DrainPlanner.Preflight(planner, 0);
        report.CanDrain.ShouldBeFalse();
        report.Moves.Select(move => (move.Tenant, move.To.Best.Node)).ShouldBe([("small", "b")]);
        report.Blockers.ShouldBe(
        [
            new("large", "has no other place: 2 nodes: 1 drained, 1 lacks 12 free cores; largest that fits: 8 cores with 1 GiB"),
            new("fixed", "is pinned to node a: unpin it or stop it"),
        ]);
        planner.Fleet.StateOf(0).ShouldBe(NodeState.Ready);
    }

    [Fact]
    public void Places_found_for_several_tenants_hold_together()
    {
        Planner planner = Planner(Node("a"), Node("b", cells: 1));
        planner.PutOn("a", Request("one", cores: 5));
        planner.PutOn("a", Request("two", cores: 5));
        DrainReport report = DrainPlanner.Preflight(planner, 0);
        report.Moves.Length.ShouldBe(1);
        report.Blockers.Length.ShouldBe(1);
    }

    [Fact]
    public void The_moves_of_a_preflight_can_be_carried_out_in_their_order() =>
        Generate.Story(maxNodes: 4).Sample(
            story =>
            {
                Planner planner = Generate.Live(story);
                DrainReport report = DrainPlanner.Preflight(planner, 0);
                (report.Moves.Length + report.Blockers.Length).ShouldBe(planner.Fleet.TenantsOn(0).Count);
                planner.Fleet.SetState(0, NodeState.Drained);
                foreach (TenantMove move in report.Moves)
                {
                    planner.Fleet.Remove(move.Tenant).ShouldBeTrue();
                    planner.Commit(move.To).ShouldBeNull();
                }
                planner.Fleet.TenantsOn(0).Select(tenant => tenant.Name).ShouldBe(report.Blockers.Select(blocker => blocker.Tenant), ignoreOrder: true);
            },
            iter: 400);

    [Fact]
    public void Consolidation_empties_the_least_used_nodes_within_the_moves_allowed()
    {
        Planner planner = Planner(Node("a"), Node("b"), Node("c"));
        planner.PutOn("a", Request("a0", cores: 10));
        planner.PutOn("b", Request("b0", cores: 2));
        planner.PutOn("b", Request("b1", cores: 1));
        planner.PutOn("c", Request("c0", cores: 2));
        Consolidation.Propose(planner, maxMoves: 0).Moves.ShouldBeEmpty();
        ConsolidationProposal one = Consolidation.Propose(planner, maxMoves: 1);
        one.Emptied.ShouldBe(["c"]);
        one.Moves.Single().Tenant.ShouldBe("c0");
        ConsolidationProposal all = Consolidation.Propose(planner, maxMoves: 10);
        all.Emptied.Length.ShouldBe(2);
        string left = planner.Fleet.Nodes.Select(node => node.Name).Single(name => !all.Emptied.Contains(name));
        all.Moves.ShouldAllBe(move => move.To.Best.Node == left);
        all.Moves.Select(move => move.Tenant).ShouldBeUnique();
    }
}
