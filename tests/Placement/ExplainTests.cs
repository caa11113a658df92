using System.Collections.Immutable;
using Osv.Placement.Filters;
using Osv.Placement.Nodes;
using Osv.Placement.Plans;
using Osv.Placement.Requests;
using Osv.Placement.Tests.Support;
using static Osv.Placement.Tests.Support.Example;

namespace Osv.Placement.Tests;

/// <summary>One example of each filter with the sentence that people read.</summary>
public class ExplainTests
{
    [Fact]
    public void Cores_are_counted_in_one_cell_when_one_is_required()
    {
        Planner planner = Planner(Node("a"), Node("b"));
        planner.Refused(Request(cores: 12) with { Numa = NumaPolicy.OneCell }).Text
            .ShouldBe("2 nodes: 2 lack 12 free cores in one NUMA cell; largest that fits: 8 cores with 1 GiB");
        planner.Plan(Request(cores: 12)).ShouldBeOfType<Plan>();
        planner.Refused(Request(cores: 20)).Text.ShouldBe("2 nodes: 2 lack 20 free cores; largest that fits: 16 cores with 1 GiB");
    }

    [Fact]
    public void Memory_is_counted_where_the_cores_are()
    {
        Planner planner = Planner(Node("a"));
        planner.Put(Request("big", cores: 6, gibibytes: 2) with { Numa = NumaPolicy.OneCell });
        planner.Put(Request("fat", cores: 3, gibibytes: 30) with { Numa = NumaPolicy.OneCell });
        planner.Refused(Request(cores: 4, gibibytes: 10) with { Numa = NumaPolicy.OneCell }).Text
            .ShouldBe("1 node: 1 lacks 10 GiB of free memory in one NUMA cell with 4 free cores; largest that fits: 2 cores with 10 GiB, or 4 cores with 2 GiB");
    }

    [Fact]
    public void Memory_in_too_many_pieces_is_told_from_too_little_memory()
    {
        NodeDescription node = Node("a", cells: 1) with { Memory = [.. Enumerable.Range(0, 20).Select(i => new MemoryRange(10 + i * 2, 1, 0))] };
        Planner planner = Planner(node);
        Refusal refusal = planner.Refused(new PlacementRequest { Tenant = "t", Cores = 1, MemoryUnits = 18 });
        refusal.Text.ShouldBe("1 node: 1 has 36 MiB only in more than 15 pieces; largest that fits: 1 core with 30 MiB");
        planner.Plan(new PlacementRequest { Tenant = "t", Cores = 1, MemoryUnits = 15 }).ShouldBeOfType<Plan>();
    }

    [Fact]
    public void Each_state_is_named()
    {
        Planner planner = Planner(
            Node("a") with { State = NodeState.Drained }, Node("b") with { State = NodeState.Drained }, Node("c") with { State = NodeState.Cordoned },
            Node("d") with { State = NodeState.Lost }, Node("e") with { State = NodeState.Quarantined });
        planner.Refused(Request()).Text.ShouldBe("5 nodes: 2 drained, 1 cordoned, 1 lost, 1 quarantined; nothing fits on the nodes that the rules allow");
    }

    [Fact]
    public void The_example_of_the_design_reads_as_designed()
    {
        ImmutableArray<DeviceDescription> nic = [new DeviceDescription("NIC", 0, 1)];
        NodeDescription[] nodes =
        [
            .. Enumerable.Range(0, 7).Select(i => Node($"small-{i}") with { Devices = nic }),
            .. Enumerable.Range(0, 3).Select(i => Node($"away-{i}", coresPerCell: 16) with { State = NodeState.Drained }),
            .. Enumerable.Range(0, 2).Select(i => Node($"bare-{i}", coresPerCell: 16)),
        ];
        Refusal refusal = Planner(nodes).Refused(Request(cores: 16) with { Numa = NumaPolicy.OneCell, Devices = Devices("NIC", 1) });
        refusal.Text.ShouldStartWith("12 nodes: 7 lack 16 free cores in one NUMA cell, 3 drained, 2 without a free NIC;");
        refusal.Funnel.ShouldBe([new("state", 9), new("partitions", 9), new("cores", 2), new("memory", 2), new("devices", 0)]);
    }

    [Fact]
    public void A_node_with_all_partitions_in_use_takes_no_more()
    {
        Planner planner = Planner(Node("a", coresPerCell: 40));
        for (int i = 0; i < PartitionLimits.MaxTenantsPerNode; i++) planner.Put(new PlacementRequest { Tenant = $"t{i}", Cores = 1, MemoryUnits = 1 });
        planner.Refused(Request()).Rejections.Single().ShouldBe(new Rejection(FilterName.Partitions, FilterName.Partitions, 1, "without a free partition"));
    }

    [Fact]
    public void An_image_goes_where_there_is_room_for_it()
    {
        Planner planner = Planner(Node("a") with { ImageRoom = 300L << 20 }, Node("b") with { ImageRoom = 500L << 20 });
        planner.Plan(Request() with { ImageBytes = 400L << 20 }).ShouldBeOfType<Plan>().Candidates.Select(place => place.Node).ShouldBe(["b"]);
        PlacementRequest large = Request() with { ImageBytes = (600L << 20) - 1 };
        planner.Refused(large).Text.ShouldStartWith("2 nodes: 2 without room for an image of 600 MiB (at most 500 MiB);");
        planner.WhyNot(large, 0).ShouldBe("a: without room for an image of 600 MiB (at most 300 MiB)");
    }

    [Fact]
    public void Labels_are_named_as_the_rule_that_fails()
    {
        Planner planner = Planner(Node("a") with { Labels = ImmutableDictionary<string, string>.Empty.Add("zone", "a") }, Node("b"));
        planner.Refused(Request() with { Labels = [LabelRule.Is("zone", "b", "c")] }).Text.ShouldStartWith("2 nodes: 2 are not labelled zone=b|c;");
        planner.Refused(Request() with { Labels = [LabelRule.Exists("zone"), LabelRule.IsNot("zone", "a")] }).Text
            .ShouldStartWith("2 nodes: 1 is not labelled zone, 1 is not labelled zone!=a;");
        planner.Plan(Request() with { Labels = [LabelRule.Absent("zone")] }).ShouldBeOfType<Plan>().Best.Node.ShouldBe("b");
    }

    [Fact]
    public void Anti_affinity_names_place_and_group_in_both_directions()
    {
        Planner planner = Planner(Node("a") with { Rack = "r1" }, Node("b") with { Rack = "r1" });
        planner.Put(Request("first") with { Groups = ["db"] });
        planner.Refused(Request() with { Affinity = [AffinityRule.Apart("db", Topology.Rack)] }).Text.ShouldStartWith("2 nodes: 2 on a rack with group db;");
        planner.Put(Request("shy") with { Affinity = [AffinityRule.Apart("web", Topology.Rack)] });
        planner.Refused(Request() with { Groups = ["web"] }).Text.ShouldStartWith("2 nodes: 2 on a rack with a tenant that keeps away from group web;");
    }

    [Fact]
    public void Affinity_names_place_and_group()
    {
        Planner planner = Planner(Node("a") with { PowerDomain = "p1" }, Node("b") with { PowerDomain = "p2" });
        planner.Refused(Request() with { Affinity = [AffinityRule.Together("db", Topology.Power)] }).Text.ShouldStartWith("2 nodes: 2 not on a power domain with group db;");
        string home = planner.Put(Request("first") with { Groups = ["db"], Affinity = [AffinityRule.Together("db", Topology.Power)] }).Best.Node;
        Plan plan = planner.Plan(Request() with { Affinity = [AffinityRule.Together("db", Topology.Power)] }).ShouldBeOfType<Plan>();
        plan.Candidates.Select(candidate => candidate.Node).ShouldBe([home]);
    }

    [Fact]
    public void Groups_of_another_project_do_not_count()
    {
        Planner planner = Planner(Node("a"));
        planner.Put(Request("first") with { Project = "p", Groups = ["db"] });
        planner.Plan(Request() with { Project = "q", Affinity = [AffinityRule.Apart("db", Topology.Node)] }).ShouldBeOfType<Plan>();
        planner.Plan(Request() with { Project = "p", Affinity = [AffinityRule.Apart("db", Topology.Node)] }).ShouldBeOfType<Refusal>();
    }

    [Fact]
    public void Spread_names_place_and_group()
    {
        Planner planner = Planner(Node("a", coresPerCell: 2) with { Rack = "r1" }, Node("b", coresPerCell: 1) with { Rack = "r2" });
        PlacementRequest web = Request(cores: 2) with { Groups = ["web"], Spread = [new SpreadRule("web", Topology.Rack)] };
        planner.Put(web with { Tenant = "w0" }).Best.Node.ShouldBe("a");
        planner.Put(web with { Tenant = "w1" }).Best.Node.ShouldBe("b");
        planner.Refused(web with { Tenant = "w2", Cores = 3 }).Text.ShouldStartWith("2 nodes: 2 lack 3 free cores;");
        planner.Put(web with { Tenant = "w2" }).Best.Node.ShouldBe("a");
        planner.Refused(web with { Tenant = "w3" }).Text.ShouldStartWith("2 nodes: 1 on a rack that has its share of group web, 1 lacks 2 free cores;");
    }

    [Fact]
    public void Devices_are_named_with_their_count_and_place()
    {
        Planner planner = Planner(Node("a") with { Devices = [new DeviceDescription("gpu", 0, 2), new DeviceDescription("gpu", 1, 1)] });
        planner.Refused(Request() with { Devices = Devices("gpu", 4) }).Text.ShouldBe("1 node: 1 with fewer than 4 free gpu; largest that fits: 1 core with 1 GiB and 3 gpu");
        planner.Refused(Request() with { Devices = Devices("gpu", 3), Numa = NumaPolicy.OneCell, DeviceLocality = DeviceLocality.Required }).Text
            .ShouldBe("1 node: 1 with fewer than 3 free gpu in that cell; largest that fits: 1 core with 1 GiB and 2 gpu");
        planner.Refused(Request() with { Devices = Devices("fpga", 1) }).Text.ShouldBe("1 node: 1 without a free fpga; largest that fits: 16 cores with 64 GiB");
    }

    [Fact]
    public void One_node_is_explained_with_its_own_figures()
    {
        Planner planner = Planner(Node("a") with { Devices = [new DeviceDescription("nic", 0, 1)] });
        planner.Put(Request("t0", cores: 5, gibibytes: 20) with { Numa = NumaPolicy.OneCell });
        planner.WhyNot(Request(cores: 9) with { Numa = NumaPolicy.OneCell }, 0).ShouldBe("a: lacks 9 free cores in one NUMA cell (the freest cell has 8)");
        planner.WhyNot(Request(cores: 14), 0).ShouldBe("a: lacks 14 free cores (it has 11)");
        planner.WhyNot(Request(gibibytes: 45), 0).ShouldBe("a: lacks 45 GiB of free memory (it has 44 GiB)");
        planner.WhyNot(Request() with { Devices = Devices("nic", 2) }, 0).ShouldBe("a: with fewer than 2 free nic (it has 1)");
        planner.WhyNot(Request(), 0).ShouldBeNull();
    }

    [Fact]
    public void A_fleet_without_nodes_says_so() => Planner().Refused(Request()).Text.ShouldBe("there is no node to choose from");

    [Theory]
    [InlineData(0, 1, "cores is 0: ask for 1 to 512")]
    [InlineData(1, 0, "memory is 0 MiB: ask for 2 MiB to 511 GiB")]
    [InlineData(1, 512, "memory is 512 GiB: ask for 2 MiB to 511 GiB")]
    public void Senseless_sizes_are_refused_before_any_node_is_looked_at(int cores, int gibibytes, string problem) =>
        Planner(Node("a")).Refused(Request(cores: cores, gibibytes: gibibytes)).Text.ShouldBe($"the request is not valid: {problem}");

    [Fact]
    public void Contradictory_requests_are_refused_with_what_to_do()
    {
        Planner planner = Planner(Node("a"));
        planner.Refused(Request() with { DeviceLocality = DeviceLocality.Required }).Text.ShouldContain("require one cell, or prefer locality");
        planner.Refused(Request() with { Devices = [new DeviceRequest("nic", 1), new DeviceRequest("nic", 1)] }).Text.ShouldContain("class nic is named twice");
        planner.Refused(Request() with { Reserves = "r", Claims = "r" }).Text.ShouldContain("do one or the other");
        planner.Refused(Request() with { Labels = [LabelRule.Is("zone")] }).Text.ShouldContain("names no value");
    }
}
