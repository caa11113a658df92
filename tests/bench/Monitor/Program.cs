using Osv.Bench.Monitor;
using Osv.Bench.Runs;
using Osv.Cli.Bench;

// usage: Osv.Bench.Monitor REPORT_FILE
const int Pairs = 7;
using CancellationTokenSource stop = BenchProgram.StopOnInterrupt();
var figures = new List<Figure>();

BenchProgram.Step("building the monitor, the plugin and the loads");
await BenchImages.BuildMonitorAsync(stop.Token);
await BenchImages.BuildAsync(stop.Token);

BenchProgram.Step("counting exits and instructions: 60 s idle, pipe, fork+exec, first touch (about 2 minutes)");
figures.AddRange(Measurements.Counts(await MeasuredRun.OursAsync("long", Equipment.None, stop.Token)));

BenchProgram.Step("stopping and restarting a partition of 1 GiB");
figures.AddRange(Measurements.Restarts(await MeasuredRun.OursAsync("restart", Equipment.None, stop.Token)));

BenchProgram.Step("triple faults");
figures.AddRange(Measurements.Faults(await MeasuredRun.OursAsync("fault", Equipment.None, stop.Token)));

figures.AddRange(Measurements.Ratios(await Pair.RunAsync(Pairs, "brisk", Equipment.None, stop.Token)));
figures.AddRange(Measurements.Trusted());

new BenchReport("monitor", BenchProgram.Machine(), figures).Write(args[0]);
return 0;
