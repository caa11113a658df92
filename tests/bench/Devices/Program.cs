using System.Globalization;
using Osv.Bench.Devices;
using Osv.Bench.Runs;
using Osv.Cli.Bench;

// usage: Osv.Bench.Devices REPORT_FILE [PAIRS]
int count = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 7;
using CancellationTokenSource stop = BenchProgram.StopOnInterrupt();
var figures = new List<Figure>();

BenchProgram.Step("building the monitor, the plugin and the loads");
await BenchImages.BuildMonitorAsync(stop.Token);
await BenchImages.BuildAsync(stop.Token);

var pairs = new List<Pair>();
for (int number = 1; number <= count; number++)
{
    BenchProgram.Step($"native and ours in turns, pair {number} of {count}");
    await using var peer = new PeerServer(guests: 2);
    pairs.Add(await Pair.TogetherAsync("devices", DeviceEquipment.With(peer.Port), stop.Token));
}
figures.AddRange(Measurements.Ratios(pairs));
figures.AddRange(Measurements.Exits(pairs));

BenchProgram.Step("starts without and with functions");
const int NoPeer = 0;
figures.AddRange(Measurements.Assignment(await MeasuredRun.OursAsync("assignment", DeviceEquipment.With(NoPeer), stop.Token)));

new BenchReport("devices", BenchProgram.Machine(), figures).Write(args[0]);
return 0;
