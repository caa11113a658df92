using CsCheck;
using Osv.Data.Lifecycles;
using Osv.Data.Nodes;
using Osv.Data.Placements;
using Osv.Data.Tenants;

namespace Osv.Data.UnitTests;

public sealed class CommitArbiterTests
{
    private const long Unit = 2 << 20;

    private static readonly Guid Project = Guid.NewGuid(), Node = Guid.NewGuid();

    [Theory]
    [MemberData(nameof(Malformed))]
    public void A_plan_that_contradicts_itself_never_reaches_the_database(int[] cores, long[] starts, long[] sizes, string[] devices, string named)
    {
        var plan = new PlacementPlan { TenantId = Guid.NewGuid(), NodeId = Node, ApicIds = cores, Memory = [.. starts.Zip(sizes, (start, size) => new MemoryStretch(start, size))], PciAddresses = devices };
        Refused refused = CommitArbiter.CheckForm(plan).ShouldNotBeNull();
        refused.Conflict.ShouldBe(CommitConflict.Malformed);
        refused.Detail.ShouldContain(named);
    }

    public static TheoryData<int[], long[], long[], string[], string> Malformed => new()
    {
        { [], [0], [Unit], [], "core" },
        { [1, 1], [0], [Unit], [], "APIC id 1" },
        { [-1], [0], [Unit], [], "APIC id -1" },
        { [1], [], [], [], "memory" },
        { [1], [0, Unit], [2 * Unit, Unit], [], "0x200000" },
        { [1], [Unit, 0], [Unit, 2 * Unit], [], "0x200000" },
        { [1], [1], [Unit], [], "0x1" },
        { [1], [0], [Unit + 4096], [], "2101248" },
        { [1], [0], [0], [], "0 bytes" },
        { [1], [long.MaxValue - Unit + 1], [2 * Unit], [], "whole units" },
        { [1], [0], [Unit], ["0000:01:00.0", "0000:01:00.0"], "0000:01:00.0" },
    };

    /// <summary>Whatever is proposed in whatever order, what is accepted never overlaps and never exceeds the quota, and what is refused for a core was really taken.</summary>
    [Fact]
    public void What_is_accepted_is_never_sold_twice()
    {
        Gen<PlacementPlan> plans =
            from tenant in Gen.Int[0, 9]
            from cores in Gen.Int[0, 7].HashSet[1, 4]
            from start in Gen.Int[0, 15]
            from size in Gen.Int[1, 6]
            select new PlacementPlan { TenantId = Tenant(tenant), NodeId = Node, ApicIds = [.. cores], Memory = [new MemoryStretch(start * Unit, size * Unit)] };
        plans.Array[1, 20].Sample(batch =>
        {
            CommitFacts facts = Facts(batch, coresQuota: 6);
            var accepted = new List<PlacementPlan>();
            foreach (PlacementPlan plan in batch)
            {
                Refused? refused = CommitArbiter.Judge(plan, facts);
                if (refused is null)
                {
                    accepted.Add(plan);
                    continue;
                }
                bool truly = refused.Conflict switch
                {
                    CommitConflict.CoreTaken => accepted.Exists(other => other.ApicIds.Intersect(plan.ApicIds).Any()),
                    CommitConflict.MemoryTaken => accepted.Exists(other => other.Memory[0].Overlaps(plan.Memory[0])),
                    CommitConflict.TenantNotPending => accepted.Exists(other => other.TenantId == plan.TenantId),
                    CommitConflict.NotOffered => plan.Memory[0].EndAddress > 16 * Unit,
                    CommitConflict.ShapeChanged => plan.ApicIds.Count != 2 || plan.Memory[0].SizeBytes != 2 * Unit,
                    CommitConflict.QuotaExceeded => accepted.Sum(other => other.ApicIds.Count) + plan.ApicIds.Count > 6,
                    _ => false,
                };
                truly.ShouldBeTrue(refused.ToString());
            }
            accepted.SelectMany(plan => plan.ApicIds).ShouldBeUnique();
            accepted.Sum(plan => plan.ApicIds.Count).ShouldBeLessThanOrEqualTo(6);
            accepted.Select(plan => plan.TenantId).ShouldBeUnique();
            foreach (PlacementPlan plan in accepted) accepted.Count(other => other.Memory[0].Overlaps(plan.Memory[0])).ShouldBe(1);
        });
    }

    [Fact]
    public void A_device_that_another_owns_is_named_with_its_owner()
    {
        var plan = new PlacementPlan { TenantId = Tenant(0), NodeId = Node, ApicIds = [0, 1], Memory = [new MemoryStretch(0, 2 * Unit)], PciAddresses = ["0000:01:00.0"] };
        CommitFacts facts = Facts([plan], null);
        facts.Devices[(Node, "0000:01:00.0")] = new DeviceFacts(DeviceKind.Nic, Reserved: false) { Owner = Tenant(5) };
        CommitArbiter.Judge(plan, facts).ShouldBe(new Refused(CommitConflict.DeviceTaken, $"device 0000:01:00.0 of node-1 belongs to tenant {Tenant(5)}"));
    }

    [Theory]
    [InlineData(GroupRule.AntiAffinity, "rack-1", CommitConflict.AntiAffinity)]
    [InlineData(GroupRule.AntiAffinity, "rack-2", null)]
    [InlineData(GroupRule.Affinity, "rack-1", null)]
    [InlineData(GroupRule.Affinity, "rack-2", CommitConflict.Affinity)]
    public void Groups_are_judged_by_the_domain_of_the_node(GroupRule rule, string taken, CommitConflict? expected)
    {
        var plan = new PlacementPlan { TenantId = Tenant(0), NodeId = Node, ApicIds = [0, 1], Memory = [new MemoryStretch(0, 2 * Unit)] };
        CommitFacts facts = Facts([plan], null);
        var group = Guid.NewGuid();
        facts.Tenants[Tenant(0)].Groups.Add(new GroupFacts(group, "g", rule, GroupScope.Rack));
        facts.GroupDomains[group] = [taken];
        (CommitArbiter.Judge(plan, facts)?.Conflict).ShouldBe(expected);
    }

    private static Guid Tenant(int number) => new(number, 0, 0, new byte[8]);

    private static CommitFacts Facts(IEnumerable<PlacementPlan> plans, long? coresQuota)
    {
        var facts = new CommitFacts();
        foreach (Guid tenant in plans.Select(plan => plan.TenantId).Distinct()) facts.Tenants[tenant] = new TenantFacts(Project, TenantState.Pending, 2, 2 * Unit, 0, 0);
        facts.Nodes[Node] = new NodeFacts(Node, "node-1", "rack-1", "power-1", NodeState.Ready);
        facts.Nodes[Node].Blocks.Add(new MemoryStretch(0, 16 * Unit));
        for (int core = 0; core < 8; core++) facts.Cores[(Node, core)] = new CoreFacts(core, 1, Reserved: false);
        facts.Projects[Project] = new ProjectFacts { CoresQuota = coresQuota };
        return facts;
    }
}
