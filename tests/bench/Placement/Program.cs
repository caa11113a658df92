using System.Globalization;
using Osv.Cli.Bench;
using Osv.Placement.Bench;
using Osv.Placement.Bench.Policies;
using Osv.Placement.Bench.Trace;
using Osv.Placement.Nodes;

// usage: Osv.Placement.Bench [REPORT_FILE] [--quick] [--rate ARRIVALS_PER_SECOND] [--trace FOLDER] [--write-trace FOLDER]
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
bool quick = args.Contains("--quick");
string? Option(string name) => Array.IndexOf(args, name) is >= 0 and int at && at + 1 < args.Length ? args[at + 1] : null;

double arrivals = Option("--rate") is { } rate ? double.Parse(rate, CultureInfo.InvariantCulture) : quick ? 0.05 : 1, hours = quick ? 6 : 12;
PackingTrace Generated(Mix mix) => TraceGenerator.Generate(mix, Machines.Cores, Machines.Gibibytes, arrivals, hours, seed: 42);
if (Option("--write-trace") is { } folder)
{
    foreach (Mix mix in Enum.GetValues<Mix>()) Generated(mix).Write(Path.Combine(folder, mix.ToString()));
    Console.WriteLine($"wrote vm.csv and vmType.csv of each mix under {folder}");
    return 0;
}

Func<Fleet, IPolicy>[] policies = [fleet => new PlannerPolicy(fleet), fleet => new FirstFit(fleet), fleet => new BestFit(fleet), fleet => new DotProduct(fleet), fleet => new RandomFit(fleet)];
var figures = new List<Figure>();
PackingTrace general = Generated(Mix.General);

int nodes = quick ? 1000 : 10_000, decisions = quick ? 5_000 : 50_000;
Console.WriteLine($"Speed: {nodes} nodes of {Machines.Cores} cores in {Machines.Cells} cells, 85 % full, {decisions} decisions, one thread");
Console.WriteLine($"{"load",-22} {"policy",-12} {"decisions/s",12} {"per cpu s",10} {"with changes/s",15} {"median us",10} {"p99 us",9} {"max us",9} {"refused",8}");
foreach ((string load, var shape) in SpeedBenchmark.Loads)
{
    // The simple policies know one cell only.
    foreach (Func<Fleet, IPolicy> policy in load == SpeedBenchmark.Spanning ? policies[..1] : policies[..3])
    {
        Speed speed = SpeedBenchmark.Run(policy, load, shape, general, nodes, 0.85, decisions);
        Console.WriteLine($"{speed.Load,-22} {speed.Policy,-12} {speed.DecisionsPerSecond,12:N0} {speed.PerCpuSecond,10:N0} {speed.CyclesPerSecond,15:N0} {speed.Median,10:N1} {speed.P99,9:N1} {speed.Max,9:N0} {speed.Refused,8}");
        figures.AddRange(Report.Of(speed));
    }
}

int fixedNodes = quick ? 100 : 1000;
(Mix, PackingTrace)[] traces = Option("--trace") is { } given ? [(Mix.General, PackingTrace.Read(given))] : [(Mix.General, general), (Mix.Small, Generated(Mix.Small))];
foreach ((Mix mix, PackingTrace trace) in traces)
{
    Dictionary<int, VmType> types = trace.Types.ToDictionary(type => type.VmTypeId);
    Console.WriteLine();
    Console.WriteLine($"Packing, {mix} mix: {trace.Vms.Count} machines of {trace.Vms.Average(vm => types[vm.VmTypeId].Core) * Machines.Cores:0.0} cores and {trace.Vms.Average(vm => types[vm.VmTypeId].Memory) * Machines.Gibibytes:0.0} GiB on average; one cell required; fixed fleet of {fixedNodes} nodes");
    Console.WriteLine($"{"policy",-12} {"peak",6} {"bound",6} {"over",7} {"mean over",10} {"full cores",11} {"full mem",9} {"empty",6} {"str.cores",10} {"str.mem",8}  copies of probes at 85 %");
    foreach (Func<Fleet, IPolicy> policy in policies)
    {
        Quality quality = QualityBenchmark.Run(policy, mix, trace, fixedNodes);
        Console.WriteLine($"{quality.Policy,-12} {quality.PeakHosts,6} {quality.PeakBound,6} {(double)quality.PeakHosts / quality.PeakBound - 1,7:P1} {quality.MeanOverBound - 1,10:P1} {quality.FullCores,11:P1} {quality.FullMemory,9:P1} {quality.EmptyHosts,6} {quality.StrandedCores,10:P2} {quality.StrandedMemory,8:P2}  {Report.Probes(quality)}");
        figures.AddRange(Report.Of(quality));
    }
}

string report = args is [var file, ..] && !file.StartsWith("--", StringComparison.Ordinal) ? file : Path.Combine("artifacts", "bench", "placement.json");
new BenchReport("placement", Report.Machine(), figures).Write(Path.GetFullPath(report));
Console.WriteLine();
Console.WriteLine($"written: {report}");
return 0;
