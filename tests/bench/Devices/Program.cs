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
var peer = new PeerServer();
await using (peer)
{
    Equipment equipment = DeviceEquipment.With(peer);
    IReadOnlyList<Pair> pairs = await Pair.RunAsync(count, "devices", equipment, stop.Token);
    figures.AddRange(Measurements.Ratios(pairs));
    figures.AddRange(Measurements.Exits(pairs));

    BenchProgram.Step("starts without and with functions");
    figures.AddRange(Measurements.Assignment(await MeasuredRun.OursAsync("assignment", equipment, stop.Token)));
}

new BenchReport("devices", BenchProgram.Machine(), figures).Write(args[0]);
return 0;
