using CsCheck;
using Osv.Contracts.ControlDevice;
using Osv.Monitor.Policy;
using Osv.Placement.Nodes;
using Osv.Placement.Plans;
using Osv.Placement.Requests;
using Osv.Placement.Tests.Support;
using static Osv.Placement.Tests.Support.Example;

namespace Osv.Placement.Tests;

public class FleetTests
{
    [Fact]
    public void The_limits_are_the_monitors()
    {
        const ulong Unit = ControlLayout.PageBytes;
        ((ulong)PartitionLimits.HoleStartUnit * Unit).ShouldBe(GuestLayout.HoleStart);
        ((ulong)PartitionLimits.HoleEndUnit * Unit).ShouldBe(GuestLayout.HoleEnd);
        ((ulong)PartitionLimits.GuestLimitUnit * Unit).ShouldBe(GuestLayout.AddressLimit);
        ((ulong)PartitionLimits.HostLimitUnit * Unit).ShouldBe(GuestLayout.HostLimit);
    }

    [Fact]
    public void What_is_kept_up_to_date_equals_what_is_built_anew() =>
        Generate.Story().Sample(
            story =>
            {
                Planner planner = Generate.Live(story);
                var anew = new Fleet(story.Nodes, planner.Fleet.Tenants);
                Fingerprint(planner.Fleet).ShouldBe(Fingerprint(anew));
                Plans.PlanResult kept = planner.Plan(story.Last), built = new Planner(anew).Plan(story.Last);
                (kept as Plan)?.Candidates.Select(candidate => candidate.Node).ShouldBe((built as Plan)?.Candidates.Select(candidate => candidate.Node) ?? []);
                (kept as Refusal)?.Text.ShouldBe((built as Refusal)?.Text);
                foreach (PlacedTenant tenant in planner.Fleet.Tenants.ToList()) planner.Fleet.Remove(tenant.Name);
                Fingerprint(planner.Fleet).ShouldBe(Fingerprint(new Fleet(story.Nodes, [])));
            },
            iter: 400);

    [Fact]
    public void Planning_leaves_the_fleet_as_it_was() =>
        Generate.Story().Sample(
            story =>
            {
                Planner planner = Generate.Live(story);
                string before = Fingerprint(planner.Fleet);
                planner.Plan(story.Last);
                planner.Plan(story.Last with { MayPreempt = true, Priority = 2 });
                planner.Plan(story.Last with { Replicas = 3 });
                planner.Plan(story.Last with { Replicas = 3, MayPreempt = true, Priority = 2 });
                planner.Explain(story.Last);
                for (int node = 0; node < planner.Fleet.NodeCount; node++) Draining.DrainPlanner.Preflight(planner, node);
                Draining.Consolidation.Propose(planner, maxMoves: 10);
                Batches.BatchPlanner.Plan(planner, [story.Last, story.Last with { Tenant = "other" }]);
                Fingerprint(planner.Fleet).ShouldBe(before);
            },
            iter: 300);

    [Fact]
    public void The_second_of_two_plans_for_one_place_is_told_why_and_walks_on()
    {
        Planner planner = Planner(Node("a", cells: 1), Node("b", cells: 1));
        Plan first = planner.Plan(Request("first", cores: 5)).ShouldBeOfType<Plan>(), second = planner.Plan(Request("second", cores: 5)).ShouldBeOfType<Plan>();
        planner.Commit(first).ShouldBeNull();
        string before = Fingerprint(planner.Fleet);
        planner.Commit(second).ShouldNotBeNull().Reason.ShouldBe(ConflictReason.CoreNotFree);
        Fingerprint(planner.Fleet).ShouldBe(before);
        planner.Commit(second, candidate: 1).ShouldBeNull();
        planner.Fleet.FindTenant("second").ShouldNotBeNull().Assignment.Node.ShouldBe("b");
    }

    [Fact]
    public void Rules_are_checked_again_at_commit()
    {
        Planner planner = Planner(Node("a"), Node("b"));
        Plan drained = planner.Plan(Request("t")).ShouldBeOfType<Plan>();
        planner.Fleet.SetState(planner.Fleet.FindNode(drained.Best.Node), NodeState.Drained);
        planner.Commit(drained).ShouldBe(new Conflict(ConflictReason.Rule, $"node {drained.Best.Node}: drained"));
        planner.Fleet.SetState(planner.Fleet.FindNode(drained.Best.Node), NodeState.Ready);

        PlacementRequest apart = Request() with { Groups = ["db"], Affinity = [AffinityRule.Apart("db", Topology.Node)] };
        Plan one = planner.Plan(apart with { Tenant = "one" }).ShouldBeOfType<Plan>(), two = planner.Plan(apart with { Tenant = "two" }).ShouldBeOfType<Plan>();
        planner.Commit(one).ShouldBeNull();
        planner.Commit(two).ShouldNotBeNull().Text.ShouldBe($"node {two.Best.Node}: on a node with group db");
    }

    [Fact]
    public void A_dry_run_is_planned_but_not_committed()
    {
        Planner planner = Planner(Node("a"));
        planner.Commit(planner.Plan(Request() with { DryRun = true }).ShouldBeOfType<Plan>()).ShouldNotBeNull().Reason.ShouldBe(ConflictReason.DryRun);
        planner.Fleet.TenantCount.ShouldBe(0);
    }

    [Fact]
    public void What_an_assignment_names_must_be_there_whole_and_free()
    {
        Planner planner = Planner(Node("a", threads: 2) with { Devices = [new DeviceDescription("nic", 0, 1)] });
        Assignment good = planner.Plan(Request(cores: 2) with { Devices = Devices("nic", 1) }).ShouldBeOfType<Plan>().Best;
        Conflict Try(Assignment assignment) => planner.Fleet.Place(new PlacedTenant(Request(), assignment)).ShouldNotBeNull();
        string before = Fingerprint(planner.Fleet);

        Try(good with { Node = "z" }).Reason.ShouldBe(ConflictReason.UnknownNode);
        Try(good with { Threads = [0, 1, 2] }).Reason.ShouldBe(ConflictReason.SiblingsSplit);
        Try(good with { Threads = [0, 1, 99] }).Reason.ShouldBe(ConflictReason.UnknownThread);
        Try(good with { Threads = [0, 1, 0, 1] }).Reason.ShouldBe(ConflictReason.CoreNotFree);
        Try(good with { Threads = [] }).Reason.ShouldBe(ConflictReason.UnknownThread);
        Try(good with { Memory = [good.Memory[0], good.Memory[0]] }).Reason.ShouldBe(ConflictReason.MemoryNotFree);
        Try(good with { Memory = [good.Memory[0] with { Cell = 1 }] }).Reason.ShouldBe(ConflictReason.MemoryNotFree);
        Try(good with { Memory = [] }).Reason.ShouldBe(ConflictReason.MemoryNotFree);
        Try(good with { Devices = [new DeviceGrant("nic", 0, 1), new DeviceGrant("nic", 0, 1)] }).Reason.ShouldBe(ConflictReason.DeviceNotFree);
        Fingerprint(planner.Fleet).ShouldBe(before);

        planner.Fleet.Place(new PlacedTenant(Request(), good)).ShouldBeNull();
        Try(good).Reason.ShouldBe(ConflictReason.AlreadyPlaced);
        planner.Fleet.Place(new PlacedTenant(Request("other"), good)).ShouldNotBeNull().Reason.ShouldBe(ConflictReason.CoreNotFree);
    }

    [Fact]
    public void Descriptions_that_contradict_themselves_are_refused_by_name()
    {
        Should.Throw<ArgumentException>(() => Planner(Node("a"), Node("a"))).Message.ShouldContain("two nodes are called a");
        Should.Throw<ArgumentException>(() => Planner(Node("a") with { Memory = [new MemoryRange(10, 5, 0), new MemoryRange(14, 5, 0)] })).Message.ShouldContain("memory ranges overlap");
        Should.Throw<ArgumentException>(() => Planner(Node("a") with { Threads = [new(1, 0, 0, 0), new(1, 0, 0, 1)] })).Message.ShouldContain("two threads have one APIC id");
        Should.Throw<ArgumentException>(() => Planner(Node("a") with { Threads = [new(0, 0, 0, 0), new(1, 1, 0, 0)] })).Message.ShouldContain("physical core 0");
        Should.Throw<ArgumentException>(() => Planner(Node("a") with { ManagementThreads = [77] })).Message.ShouldContain("thread 77");
    }
}
