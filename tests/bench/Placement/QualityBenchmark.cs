using Osv.Placement.Bench.Policies;
using Osv.Placement.Bench.Trace;
using Osv.Placement.Capacity;
using Osv.Placement.Nodes;
using Osv.Placement.Plans;
using Osv.Placement.Requests;

namespace Osv.Placement.Bench;

/// <summary>How well one policy packed one trace.</summary>
/// <param name="PeakHosts">Most nodes in use at one time, of as many as it wants.</param>
/// <param name="PeakBound">The most that the sums of cores and of memory ever need (L1 bound).</param>
/// <param name="MeanOverBound">Nodes in use over the bound, averaged over the time after the fleet was filled.</param>
/// <param name="FullCores">Share of cores in use when a fleet of fixed size, after churn, first refuses.</param>
/// <param name="EmptyHosts">Nodes without a tenant of the fixed fleet at 85 % after churn.</param>
/// <param name="StrandedCores">Free cores whose cell has no 4 GiB of memory left for each, as a share of all cores; then the like for memory.</param>
/// <param name="Probes">Copies of each probe shape that still fit then.</param>
internal sealed record Quality(
    string Policy, string Mix, int PeakHosts, int PeakBound, double MeanOverBound, double FullCores, double FullMemory,
    int EmptyHosts, double StrandedCores, double StrandedMemory, IReadOnlyDictionary<string, long> Probes);

internal static class QualityBenchmark
{
    private const int GibibytesPerCore = Machines.Gibibytes / Machines.Cores;
    private static readonly (int Cores, int Gibibytes)[] s_probes = [(1, 4), (4, 16), (8, 64), (16, 64), (32, 128), (48, 192)];

    public static Quality Run(Func<Fleet, IPolicy> policy, Mix mix, PackingTrace trace, int fixedNodes)
    {
        (int peak, int bound, double mean, string name) = Replay(policy, trace);
        Fleet fleet = Machines.Fleet(fixedNodes);
        IPolicy chooser = policy(fleet);
        var random = new Random(7);
        Churn(fleet, chooser, trace, random, 0.85);
        int empty = fleet.Empty.Count;
        (double cores, double memory) = Stranded(fleet);
        var planner = new Planner(fleet);
        Dictionary<string, long> probes = s_probes.ToDictionary(
            probe => $"{probe.Cores}c/{probe.Gibibytes}G",
            probe => CapacityReport.Count(planner, new PlacementRequest { Tenant = "probe", Cores = probe.Cores, MemoryUnits = probe.Gibibytes * PartitionLimits.UnitsPerGibibyte, Numa = NumaPolicy.OneCell }));
        while (Place(fleet, chooser, trace, random, $"f{fleet.TenantCount}")) { }
        (double fullCores, double fullMemory) = Used(fleet);
        return new Quality(name, mix.ToString(), peak, bound, mean, fullCores, fullMemory, empty, cores, memory, probes);
    }

    /// <summary>The whole trace on as many nodes as it takes.</summary>
    private static (int Peak, int Bound, double Mean, string Name) Replay(Func<Fleet, IPolicy> policy, PackingTrace trace)
    {
        Dictionary<int, VmType> types = trace.Types.ToDictionary(type => type.VmTypeId);
        double cores = 0, memory = 0, mostNeeded = 0, sum = 0;
        var ends = new PriorityQueue<(string Name, VmType Type), double>();
        int peak = 0, samples = 0;
        Fleet fleet = Machines.Fleet((int)(Needed(trace, types) * 2.5) + 10);
        IPolicy chooser = policy(fleet);
        foreach (Vm vm in trace.Vms)
        {
            // Those alive before the trace have come and stayed: nobody leaves before time 0.
            while (ends.TryPeek(out (string Name, VmType Type) first, out double end) && end <= vm.StartTime)
            {
                ends.Dequeue();
                fleet.Remove(first.Name);
                cores -= first.Type.Core;
                memory -= first.Type.Memory;
            }
            VmType type = types[vm.VmTypeId];
            PlacementRequest request = Machines.Request($"v{vm.VmId}", type);
            Assignment place = chooser.Choose(request) ?? throw new InvalidOperationException($"{chooser.Name} needs more than {fleet.NodeCount} nodes");
            if (fleet.Place(new PlacedTenant(request, place)) is { } conflict) throw new InvalidOperationException(conflict.Text);
            cores += type.Core;
            memory += type.Memory;
            if (vm.EndTime is { } until) ends.Enqueue((request.Tenant, type), until);
            if (vm.StartTime < 0) continue;
            int used = fleet.NodeCount - fleet.Empty.Count;
            double needed = Math.Ceiling(Math.Max(cores, memory) - 1e-6);
            peak = Math.Max(peak, used);
            mostNeeded = Math.Max(mostNeeded, needed);
            sum += used / needed;
            samples++;
        }
        return (peak, (int)mostNeeded, sum / samples, chooser.Name);
    }

    private static double Needed(PackingTrace trace, Dictionary<int, VmType> types)
    {
        List<Vm> alive = [.. trace.Vms.Where(vm => vm.StartTime < 0)];
        return Math.Max(alive.Sum(vm => types[vm.VmTypeId].Core), alive.Sum(vm => types[vm.VmTypeId].Memory));
    }

    /// <summary>Fills to a share of the cores, then lets as many tenants leave and come as there are, keeping the share.</summary>
    public static void Churn(Fleet fleet, IPolicy policy, PackingTrace trace, Random random, double share)
    {
        var names = new List<string>();
        int next = 0;
        for (int round = 0; round < 2; round++)
        {
            int leaving = names.Count;
            do
            {
                while (Used(fleet).Cores < share && Place(fleet, policy, trace, random, $"c{next}")) names.Add($"c{next++}");
                if (leaving == 0) break;
                int gone = random.Next(names.Count);
                fleet.Remove(names[gone]);
                (names[gone], names[^1]) = (names[^1], names[gone]);
                names.RemoveAt(names.Count - 1);
            }
            while (--leaving > 0);
        }
    }

    private static bool Place(Fleet fleet, IPolicy policy, PackingTrace trace, Random random, string name)
    {
        Vm like = trace.Vms[random.Next(trace.Vms.Count)];
        PlacementRequest request = Machines.Request(name, trace.Types[like.VmTypeId]);
        return policy.Choose(request) is { } place && fleet.Place(new PlacedTenant(request, place)) is null;
    }

    private static (double Cores, double Memory) Used(Fleet fleet)
    {
        long cores = 0, units = 0;
        for (int node = 0; node < fleet.NodeCount; node++)
        {
            cores += fleet.Whole.FreeCores[node];
            units += fleet.Whole.FreeUnits[node];
        }
        return (1 - (double)cores / Machines.Cores / fleet.NodeCount, 1 - (double)units / (Machines.Gibibytes * PartitionLimits.UnitsPerGibibyte) / fleet.NodeCount);
    }

    private static (double Cores, double Memory) Stranded(Fleet fleet)
    {
        long cores = 0, units = 0;
        const int UnitsPerCore = GibibytesPerCore * PartitionLimits.UnitsPerGibibyte;
        for (int cell = 0; cell < fleet.Cells.Count; cell++)
        {
            cores += Math.Max(0, fleet.Cells.FreeCores[cell] - fleet.Cells.FreeUnits[cell] / UnitsPerCore);
            units += Math.Max(0, fleet.Cells.FreeUnits[cell] - (long)fleet.Cells.FreeCores[cell] * UnitsPerCore);
        }
        return ((double)cores / Machines.Cores / fleet.NodeCount, (double)units / (Machines.Gibibytes * PartitionLimits.UnitsPerGibibyte) / fleet.NodeCount);
    }
}
