using CsCheck;
using Osv.Placement.Nodes;
using Osv.Placement.Plans;
using Osv.Placement.Requests;
using Osv.Placement.Tests.Support;
using static Osv.Placement.Tests.Support.Example;

namespace Osv.Placement.Tests;

/// <summary>Which of the possible places is chosen, and which cores and memory there.</summary>
public class ChoiceTests
{
    [Fact]
    public void Packing_fills_the_node_in_use_and_spreading_opens_an_empty_one()
    {
        Planner planner = Planner(Node("a"), Node("b"), Node("c"));
        planner.PutOn("b", Request("first"));
        planner.Plan(Request()).ShouldBeOfType<Plan>().Best.Node.ShouldBe("b");
        planner.Plan(Request() with { Strategy = Strategy.Spread }).ShouldBeOfType<Plan>().Best.Node.ShouldNotBe("b");
    }

    [Fact]
    public void The_fullest_cell_that_still_fits_is_filled()
    {
        Planner planner = Planner(Node("a"), Node("b"));
        planner.PutOn("a", Request("a0", cores: 3, gibibytes: 12));
        planner.PutOn("b", Request("b0", cores: 5, gibibytes: 20));
        planner.Plan(Request(cores: 2, gibibytes: 8)).ShouldBeOfType<Plan>().Best.Node.ShouldBe("b");
        planner.Plan(Request(cores: 4, gibibytes: 16)).ShouldBeOfType<Plan>().Best.Node.ShouldBe("a");
    }

    [Fact]
    public void A_node_where_starts_failed_lately_comes_last()
    {
        Planner planner = Planner(Node("a") with { RecentFailures = 1 }, Node("b"));
        planner.PutOn("a", Request("first"));
        planner.Plan(Request()).ShouldBeOfType<Plan>().Candidates.Select(candidate => candidate.Node).ShouldBe(["b", "a"]);
        planner.Fleet.SetRecentFailures(0, 0);
        planner.Plan(Request()).ShouldBeOfType<Plan>().Best.Node.ShouldBe("a");
    }

    [Fact]
    public void Preferred_rules_beat_a_better_fit_but_never_refuse()
    {
        Planner planner = Planner(Node("a") with { Rack = "r1" }, Node("b") with { Rack = "r2" });
        planner.PutOn("a", Request("first") with { Groups = ["db"] });
        planner.Plan(Request() with { Affinity = [AffinityRule.Apart("db", Topology.Rack, required: false)] }).ShouldBeOfType<Plan>()
            .Candidates.Select(candidate => candidate.Node).ShouldBe(["b", "a"]);
        planner.PutOn("b", Request("second", cores: 12));
        planner.Plan(Request() with { Affinity = [AffinityRule.Together("db", Topology.Rack, required: false)] }).ShouldBeOfType<Plan>()
            .Candidates.Select(candidate => candidate.Node).ShouldBe(["a", "b"]);
    }

    [Fact]
    public void A_preferred_spread_takes_the_place_with_fewest_members()
    {
        Planner planner = Planner(Node("a") with { Rack = "r1" }, Node("b") with { Rack = "r2" });
        PlacementRequest web = Request() with { Groups = ["web"], Spread = [new SpreadRule("web", Topology.Rack, Required: false)] };
        string[] nodes = [.. Enumerable.Range(0, 4).Select(i => planner.Put(web with { Tenant = $"w{i}" }).Best.Node)];
        nodes.Count(node => node == "a").ShouldBe(2);
    }

    [Fact]
    public void One_cache_domain_is_preferred_to_two_among_equal_fits()
    {
        Planner planner = Planner(Node("a", cells: 1), Node("b", cells: 1));
        planner.PutOn("a", Request("a0", cores: 3));
        planner.PutOn("a", Request("a1", cores: 3));
        planner.PutOn("b", Request("b0", cores: 4));
        planner.PutOn("b", Request("b1", cores: 2));
        // Both have two cores left, of one domain in b and of two in a.
        Plan plan = planner.Plan(Request(cores: 2)).ShouldBeOfType<Plan>();
        plan.Best.Node.ShouldBe("b");
        plan.Candidates.Select(candidate => candidate.CacheDomains).ShouldBe([1, 2]);
    }

    [Fact]
    public void A_cell_with_the_device_is_preferred()
    {
        Planner planner = Planner(Node("a") with { Devices = [new DeviceDescription("gpu", 1, 1)] }, Node("b") with { Devices = [new DeviceDescription("gpu", 0, 1), new DeviceDescription("gpu", 1, 1)] });
        planner.PutOn("a", Request("a0", cores: 4, gibibytes: 16));
        planner.PutOn("b", Request("b0", cores: 4, gibibytes: 16));
        Plan plan = planner.Plan(Request(cores: 4, gibibytes: 16) with { Devices = Devices("gpu", 1) }).ShouldBeOfType<Plan>();
        plan.Best.Node.ShouldBe("b");
        plan.Best.Devices.ShouldBe([new DeviceGrant("gpu", plan.Best.Cells[0], 1)]);
    }

    [Fact]
    public void Siblings_go_together_and_the_boot_core_is_first()
    {
        Plan plan = Planner(Node("a", threads: 2)).Plan(Request(cores: 2)).ShouldBeOfType<Plan>();
        plan.Best.Threads.ShouldBe([0u, 1u, 2u, 3u]);
    }

    [Fact]
    public void Memory_beyond_three_gibibytes_continues_above_the_hole()
    {
        Plan plan = Planner(Node("a")).Plan(Request(gibibytes: 5)).ShouldBeOfType<Plan>();
        plan.Best.Memory.Select(extent => (extent.Extent.GuestAddress >> 30, extent.Extent.HostAddress >> 30, extent.Extent.Bytes >> 30))
            .ShouldBe([(0ul, 1ul, 3ul), (4ul, 4ul, 2ul)]);
    }

    [Fact]
    public void A_tenant_over_two_cells_takes_memory_as_it_takes_cores()
    {
        Plan plan = Planner(Node("a")).Plan(Request(cores: 12, gibibytes: 24)).ShouldBeOfType<Plan>();
        plan.Best.Cells.ShouldBe([0u, 1u]);
        plan.Best.Memory.Where(extent => extent.Cell == 0).Sum(extent => (long)extent.Extent.Bytes >> 30).ShouldBe(16);
        plan.Best.Memory.Where(extent => extent.Cell == 1).Sum(extent => (long)extent.Extent.Bytes >> 30).ShouldBe(8);
    }

    [Fact]
    public void A_core_of_the_management_partition_is_not_for_tenants_nor_is_its_sibling()
    {
        NodeDescription node = Node("a", cells: 1, threads: 2) with
        {
            ManagementThreads = [0],
            ManagementMemory = [new() { HostAddress = 1UL << 30, GuestAddress = 1UL << 30, Bytes = 2UL << 30 }],
        };
        Planner planner = Planner(node);
        Refusal refusal = planner.Refused(Request(cores: 8, gibibytes: 30));
        refusal.Largest.Single().Cores.ShouldBe(7);
        Plan plan = planner.Plan(Request(cores: 7, gibibytes: 30)).ShouldBeOfType<Plan>();
        plan.Best.Threads.ShouldNotContain(1u);
        plan.Best.Memory.ShouldAllBe(extent => extent.Extent.HostAddress >= 3UL << 30);
    }

    [Fact]
    public void No_choice_of_cells_or_cache_domains_has_fewer() =>
        Generate.Story(maxNodes: 2).Sample(
            story =>
            {
                Planner planner = Generate.Live(story);
                if (planner.Plan(story.Last) is not Plan plan) return;
                var reference = new Reference(story.Nodes, planner.Fleet.Tenants);
                NodeDescription node = story.Nodes.Single(each => each.Name == plan.Best.Node);
                uint[] cells = [.. node.Threads.Select(thread => thread.Cell).Distinct()];
                int fewest = Enumerable.Range(1, (1 << cells.Length) - 1)
                    .Select(mask => cells.Where((_, i) => (mask >> i & 1) != 0).ToArray())
                    .Where(set => set.Sum(cell => reference.FreeCores(node, cell)) >= story.Last.Cores && set.All(cell => reference.FreeCores(node, cell) > 0))
                    .Where(set => set.Length > 1 || set.Sum(cell => reference.FreeRuns(node, cell).OrderDescending().Take(15).Sum()) >= story.Last.MemoryUnits)
                    .Select(set => set.Length).DefaultIfEmpty(int.MaxValue).Min();
                if (fewest == 1) plan.Best.Cells.Length.ShouldBe(1);

                if (plan.Best.Cells.Length != 1) return;
                HashSet<uint> taken = [.. reference.On(node).SelectMany(tenant => tenant.Assignment.Threads)];
                List<int> domains = [.. node.Threads.Where(thread => thread.Cell == plan.Best.Cells[0] && !taken.Contains(thread.ApicId))
                    .GroupBy(thread => thread.CacheDomain).Select(domain => domain.Select(thread => thread.PhysicalCore).Distinct().Count()).OrderDescending()];
                int enough = 0;
                for (int cores = 0; cores < story.Last.Cores; enough++) cores += domains[enough];
                plan.Best.CacheDomains.ShouldBe(enough);
            },
            iter: 400);
}
