using System.Diagnostics;
using Osv.Placement.Bench.Policies;
using Osv.Placement.Bench.Trace;
using Osv.Placement.Nodes;
using Osv.Placement.Plans;
using Osv.Placement.Requests;

namespace Osv.Placement.Bench;

/// <summary>Decisions per second on one thread; latencies in microseconds.</summary>
/// <param name="DecisionsPerSecond">Decisions over the time they took, changes to the fleet not counted.</param>
/// <param name="PerCpuSecond">Decisions over the processor time they took: what a thread does that nobody interrupts.</param>
/// <param name="CyclesPerSecond">Decision, placing it, and removing another tenant, over all the time.</param>
internal sealed record Speed(string Policy, string Load, int Nodes, double Full, int Decisions, int Refused, double DecisionsPerSecond, double PerCpuSecond, double CyclesPerSecond, double Median, double P99, double Max);

/// <summary>A full fleet in steady churn: each decision is timed on its own, then placed, and another tenant leaves.</summary>
internal static class SpeedBenchmark
{
    public const string Spanning = "fewest cells";

    public static readonly (string Name, Func<PlacementRequest, int, PlacementRequest> Shape)[] Loads =
    [
        ("one cell", (request, _) => request),
        ("one cell, nic", (request, _) => request with { Devices = [new DeviceRequest("nic", 1)] }),
        ("one cell, nic, apart", (request, i) => Constrained(request, i)),
        ("one cell, together", (request, i) => request with { Groups = [$"g{i % 200}"], Affinity = [AffinityRule.Together($"g{i % 200}", Topology.Power)] }),
        (Spanning, (request, _) => request with { Numa = NumaPolicy.FewestCells }),
    ];

    /// <summary>NUMA, a local device, and away from its group's other members on node level.</summary>
    private static PlacementRequest Constrained(PlacementRequest request, int i) => request with
    {
        Devices = [new DeviceRequest("nic", 1)],
        DeviceLocality = DeviceLocality.Required,
        Groups = [$"g{i % 200}"],
        Affinity = [AffinityRule.Apart($"g{i % 200}", Topology.Node)],
    };

    public static Speed Run(Func<Fleet, IPolicy> policy, string load, Func<PlacementRequest, int, PlacementRequest> shape, PackingTrace trace, int nodes, double full, int decisions)
    {
        Fleet fleet = Machines.Fleet(nodes);
        var filler = new PlannerPolicy(fleet);
        IPolicy chooser = policy(fleet);
        var random = new Random(3);
        var names = new List<string>();
        int next = 0;
        long capacity = (long)nodes * Machines.Cores, used = 0;

        PlacementRequest Next() => shape(Machines.Request($"s{next}", trace.Types[trace.Vms[random.Next(trace.Vms.Count)].VmTypeId]), next++);

        bool Put(PlacementRequest request, Assignment? place)
        {
            if (place is null) return false;
            if (fleet.Place(new PlacedTenant(request, place)) is { } conflict) throw new InvalidOperationException(conflict.Text);
            names.Add(request.Tenant);
            used += request.Cores;
            return true;
        }

        void RemoveOne()
        {
            int gone = random.Next(names.Count);
            used -= fleet.FindTenant(names[gone])!.Request.Cores;
            fleet.Remove(names[gone]);
            (names[gone], names[^1]) = (names[^1], names[gone]);
            names.RemoveAt(names.Count - 1);
        }

        // Tenants with devices run out of nics before cores: the fleet is filled with plain ones and the load comes on top.
        PlacementRequest Filler() => Machines.Request($"s{next++}", trace.Types[trace.Vms[random.Next(trace.Vms.Count)].VmTypeId]);
        while (used < full * capacity)
        {
            PlacementRequest request = Filler();
            if (!Put(request, filler.Choose(request))) break;
        }
        for (int i = 0; i < nodes * 4; i++)
        {
            RemoveOne();
            PlacementRequest request = Filler();
            Put(request, filler.Choose(request));
        }

        var ticks = new long[decisions];
        int refused = 0, warm = decisions / 5;
        long all = 0, cpu = 0;
        for (int i = -warm; i < decisions; i++)
        {
            if (i == 0) all = Stopwatch.GetTimestamp();
            PlacementRequest request = Next();
            long cpuBefore = ThreadTime.Nanoseconds(), before = Stopwatch.GetTimestamp();
            Assignment? place = chooser.Choose(request);
            long took = Stopwatch.GetTimestamp() - before;
            if (i >= 0) (ticks[i], cpu) = (took, cpu + ThreadTime.Nanoseconds() - cpuBefore);
            if (!Put(request, place) && i >= 0) refused++;
            while (used > full * capacity) RemoveOne();
        }
        double seconds = Stopwatch.GetElapsedTime(all).TotalSeconds;
        double deciding = (double)ticks.Sum() / Stopwatch.Frequency;
        Array.Sort(ticks);
        double Microseconds(int at) => ticks[at] * 1e6 / Stopwatch.Frequency;
        return new Speed(chooser.Name, load, nodes, (double)used / capacity, decisions, refused, decisions / deciding, decisions * 1e9 / cpu, decisions / seconds,
            Microseconds(decisions / 2), Microseconds((int)(decisions * 0.99)), Microseconds(decisions - 1));
    }
}
