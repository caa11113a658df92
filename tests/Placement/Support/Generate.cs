using System.Collections.Immutable;
using CsCheck;
using Osv.Placement.Nodes;
using Osv.Placement.Requests;

namespace Osv.Placement.Tests.Support;

/// <summary>A step of a fleet's life: a request to place, and whether some tenant leaves before.</summary>
internal sealed record Step(PlacementRequest Request, int Leaves);

/// <summary>A fleet and what happened to it.</summary>
internal sealed record Story(ImmutableArray<NodeDescription> Nodes, ImmutableArray<Step> Steps, PlacementRequest Last);

/// <summary>Random small fleets: uneven cells, SMT, scattered memory, guests across the hole, groups, labels, states.</summary>
internal static class Generate
{
    private static readonly string[] s_groups = ["web", "db"];
    private static readonly string[] s_classes = ["nic", "gpu"];

    private sealed record Cell(ImmutableArray<int> CoresByDomain, ImmutableArray<int> Ranges, int Nics, int Gpus);

    /// <summary>Memory comes as a few large ranges or as many small ones; the scale decides whether guests reach beyond the hole.</summary>
    private static Gen<Cell> CellOf(int scale) =>
        from domains in Gen.Int[1, 4].Array[1, 3]
        from scattered in Gen.Int[0, 4]
        from ranges in scattered == 0 ? Gen.Int[1, 2].Array[10, 22] : Gen.Int[2, 16].Array[1, 3]
        from nics in Gen.Int[0, 2]
        from gpus in Gen.Int[0, 1]
        select new Cell([.. domains], [.. ranges.Select(units => units * scale)], nics, gpus);

    private static Gen<NodeDescription> NodeOf(int number, int scale) =>
        from cells in CellOf(scale).Array[1, 3]
        from smt in Gen.Int[1, 2]
        from rack in Gen.Int[0, 2]
        from power in Gen.Int[0, 1]
        from zone in Gen.Int[0, 2]
        from state in Gen.Int[0, 12]
        from failures in Gen.Int[0, 3]
        from gap in Gen.Bool
        select Build(number, cells, smt, rack, power, zone, state, failures == 3 ? 1 : 0, gap);

    private static NodeDescription Build(int number, Cell[] cells, int smt, int rack, int power, int zone, int state, int failures, bool gap)
    {
        var threads = new List<ThreadDescription>();
        var memory = new List<MemoryRange>();
        var devices = new List<DeviceDescription>();
        int core = 0, domain = 0, unit = 8;
        for (int cell = 0; cell < cells.Length; cell++)
        {
            foreach (int count in cells[cell].CoresByDomain)
            {
                for (int i = 0; i < count; i++, core++)
                    for (int thread = 0; thread < smt; thread++) threads.Add(new ThreadDescription((uint)(core * 2 + thread), (uint)cell, (uint)domain, (uint)core));
                domain++;
            }
            foreach (int units in cells[cell].Ranges)
            {
                memory.Add(new MemoryRange(unit, units, (uint)cell));
                unit += units + (gap ? 1 : 0);          // without a gap only the table's entries keep ranges apart
            }
            if (cells[cell].Nics > 0) devices.Add(new DeviceDescription("nic", (uint)cell, cells[cell].Nics));
            if (cells[cell].Gpus > 0) devices.Add(new DeviceDescription("gpu", (uint)cell, cells[cell].Gpus));
        }
        return new NodeDescription
        {
            Name = $"node-{number}",
            Threads = [.. threads],
            Memory = [.. memory],
            Devices = [.. devices],
            Rack = $"rack-{rack}",
            PowerDomain = $"power-{power}",
            Labels = zone == 0 ? ImmutableDictionary<string, string>.Empty : ImmutableDictionary<string, string>.Empty.Add("zone", zone == 1 ? "a" : "b"),
            State = state <= 8 ? NodeState.Ready : (NodeState)(state - 8),
            RecentFailures = failures,
            ImageRoom = failures == 0 ? long.MaxValue : 500,
        };
    }

    private static Gen<AffinityRule> Affinity =>
        from rule in Gen.Int[0, 7]
        from topology in Gen.Int[0, 2]
        from required in Gen.Bool
        select new AffinityRule(s_groups[rule & 1], (Topology)topology, (rule & 2) == 0, required);

    private static Gen<SpreadRule> Spread =>
        from skew in Gen.Int[1, 2]
        from topology in Gen.Int[0, 2]
        from required in Gen.Bool
        select new SpreadRule("web", (Topology)topology, skew, required);

    private static readonly ImmutableArray<LabelRule> s_labels =
        [LabelRule.Is("zone", "a"), LabelRule.IsNot("zone", "a"), LabelRule.Exists("zone"), LabelRule.Absent("zone"), LabelRule.Is("zone", "a", "b"), LabelRule.Is("disk", "ssd")];

    public static Gen<PlacementRequest> Request(string tenant, int scale) =>
        from size in Gen.Select(Gen.Int[1, 6], Gen.Int[1, 24], Gen.Int[0, 2])
        from devices in Gen.Int[0, 11]
        from numa in Gen.Int[0, 2]
        from groups in Gen.Int[0, 5]
        from affinity in Affinity.Array[0, 2]
        from plain in Gen.Int[0, 2]
        from spread in Spread
        from other in Gen.Select(Gen.Int[0, 17], Gen.Int[0, 3], Gen.Int[0, 9], Gen.Int[0, 1])
        select new PlacementRequest
        {
            Tenant = tenant,
            Cores = size.Item1,
            MemoryUnits = Math.Max(1, (size.Item2 * scale) - size.Item3),
            ImageBytes = size.Item1 * 100,
            Devices = devices switch
            {
                < 6 => [],
                < 9 => [new DeviceRequest(s_classes[devices & 1], 1 + (devices & 2) / 2)],
                9 => [new DeviceRequest("nic", 2), new DeviceRequest("gpu", 1)],
                10 => [new DeviceRequest("fpga", 1)],
                _ => [new DeviceRequest("nic", 1)],
            },
            Numa = numa == 0 ? NumaPolicy.FewestCells : NumaPolicy.OneCell,
            DeviceLocality = numa == 2 ? DeviceLocality.Required : DeviceLocality.Preferred,
            Groups = groups < 2 ? [s_groups[groups]] : groups == 2 ? [.. s_groups] : [],
            Affinity = plain == 0 ? [.. affinity] : [],
            Spread = other.Item3 == 0 ? [spread] : [],
            Labels = other.Item1 < s_labels.Length ? [s_labels[other.Item1]] : [],
            Priority = other.Item2,
            Strategy = (Strategy)other.Item4,
        };

    /// <summary>A short life of a small fleet, and one more request.</summary>
    public static Gen<Story> Story(int maxNodes = 6, int maxSteps = 24) =>
        from scale in Gen.Int[0, 2].Select(choice => choice == 2 ? 300 : 1)
        from count in Gen.Int[1, maxNodes]
        from nodes in Sequence(count, i => NodeOf(i, scale))
        from steps in Gen.Int[0, maxSteps]
        from life in Sequence(steps, i => Gen.Select(Request($"t{i}", scale), Gen.Int[-30, 30], (request, leaves) => new Step(request, leaves)))
        from last in Request("last", scale)
        select new Story([.. nodes], [.. life], last);

    private static Gen<T[]> Sequence<T>(int count, Func<int, Gen<T>> each)
    {
        Gen<ImmutableList<T>> all = Gen.Const(ImmutableList<T>.Empty);
        for (int i = 0; i < count; i++)
        {
            Gen<T> next = each(i);
            all = Gen.Select(all, next, (list, item) => list.Add(item));
        }
        return all.Select(list => list.ToArray());
    }

    /// <summary>Lives the story through the planner, committing what it plans.</summary>
    public static Planner Live(Story story)
    {
        var planner = new Planner(new Fleet(story.Nodes, []));
        var placed = new List<string>();
        foreach (Step step in story.Steps)
        {
            if (step.Leaves >= 0 && step.Leaves < placed.Count)
            {
                planner.Fleet.Remove(placed[step.Leaves]).ShouldBeTrue();
                placed.RemoveAt(step.Leaves);
            }
            if (planner.Plan(step.Request) is not Plans.Plan plan) continue;
            planner.Commit(plan).ShouldBeNull();
            placed.Add(step.Request.Tenant);
        }
        return planner;
    }
}
