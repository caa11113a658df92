using Osv.Placement.Filters;
using Osv.Placement.Nodes;
using Osv.Placement.Plans;
using Osv.Placement.Requests;
using Osv.Placement.Tests.Support;
using static Osv.Placement.Tests.Support.Example;

namespace Osv.Placement.Tests;

public class ReservationTests
{
    [Fact]
    public void Reserved_capacity_is_kept_from_others_and_given_to_who_claims_it()
    {
        Planner planner = Planner(Node("a", cells: 1));
        planner.Put(Request("spare-holder", cores: 6) with { Reserves = "spare" });
        planner.Plan(Request(cores: 4)).ShouldBeOfType<Refusal>();

        Plan plan = planner.Plan(Request(cores: 4) with { Claims = "spare" }).ShouldBeOfType<Plan>();
        plan.Releases.ShouldBe(["spare-holder"]);
        planner.Commit(plan).ShouldBeNull();
        planner.Fleet.Tenants.Select(tenant => tenant.Name).ShouldBe(["t"]);
        planner.Fleet.Whole.FreeCoresOf(0)[0].ShouldBe(4);
    }

    [Fact]
    public void The_smallest_holder_that_is_large_enough_is_used()
    {
        Planner planner = Planner(Node("a", cells: 1), Node("b", cells: 1), Node("c", cells: 1));
        planner.PutOn("a", Request("h8", cores: 8) with { Reserves = "spare" });
        planner.PutOn("b", Request("h4", cores: 4) with { Reserves = "spare" });
        planner.PutOn("b", Request("b0", cores: 4));
        planner.PutOn("c", Request("h1", cores: 1) with { Reserves = "spare" });
        planner.PutOn("c", Request("c0", cores: 7));
        planner.Plan(Request(cores: 3) with { Claims = "spare" }).ShouldBeOfType<Plan>().Releases.ShouldBe(["h4"]);
    }

    [Fact]
    public void A_reservation_belongs_to_its_project()
    {
        Planner planner = Planner(Node("a"));
        planner.Put(Request("holder") with { Project = "p", Reserves = "spare" });
        Refusal refusal = planner.Refused(Request() with { Project = "q", Claims = "spare" });
        refusal.Text.ShouldBe("project q has no unclaimed holder of reservation spare");
        refusal.Rejections.Single().Filter.ShouldBe(FilterName.Reservation);
    }

    [Fact]
    public void A_claim_that_no_holder_can_serve_says_why()
    {
        Planner planner = Planner(Node("a", cells: 1));
        planner.Put(Request("holder", cores: 2) with { Reserves = "spare" });
        planner.Put(Request("rest", cores: 6));
        planner.Refused(Request(cores: 3) with { Claims = "spare" }).Text
            .ShouldBe("1 holder of reservation spare, none on a node that takes the request; the last: 1 node: 1 lacks 3 free cores; largest that fits: 2 cores with 1 GiB");
        planner.Fleet.FindTenant("holder").ShouldNotBeNull();
    }
}
