using System.Diagnostics;
using System.Globalization;
using Osv.Bench.Monitor;
using Osv.Cli.Bench;

// usage: Osv.Bench.Monitor REPORT_FILE
const int Pairs = 7;
using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, press) =>
{
    press.Cancel = true;
    stop.Cancel();
};
var figures = new List<Figure>();

Step("building the monitor, the plugin and the loads");
foreach (string project in (string[])["Osv.Monitor.csproj", "loader/Osv.Loader.csproj"])
{
    await BenchImages.ExecuteAsync("dotnet", ["build", Path.Combine(BenchImages.Root, "monitor", project), "-c", "Release", "-v", "q", "-nologo"], stop.Token);
}
await BenchImages.BuildAsync(stop.Token);

Step("counting exits and instructions: 60 s idle, pipe, fork+exec, first touch (about 2 minutes)");
figures.AddRange(Measurements.Counts(await MeasuredRun.OursAsync("long", stop.Token)));

Step("stopping and restarting a partition of 1 GiB");
figures.AddRange(Measurements.Restarts(await MeasuredRun.OursAsync("restart", stop.Token)));

Step("triple faults");
figures.AddRange(Measurements.Faults(await MeasuredRun.OursAsync("fault", stop.Token)));

var pairs = new List<(MeasuredRun Native, MeasuredRun Ours)>();
for (int pair = 1; pair <= Pairs; pair++)
{
    Step($"native and ours, pair {pair} of {Pairs}");
    pairs.Add((await MeasuredRun.NativeAsync("brisk", stop.Token), await MeasuredRun.OursAsync("brisk", stop.Token)));
}
figures.AddRange(Measurements.Ratios(pairs));
figures.AddRange(Measurements.Trusted());

new BenchReport("monitor", Machine(), figures).Write(args[0]);
return 0;

static void Step(string what) => Console.WriteLine($"{DateTime.Now.ToString("HH:mm:ss", CultureInfo.InvariantCulture)} {what}");

static string Machine()
{
    using Process version = Process.Start(new ProcessStartInfo("qemu-system-x86_64", ["--version"]) { RedirectStandardOutput = true })!;
    string emulator = version.StandardOutput.ReadToEnd().Split('\n')[0].Split('(')[0].Trim();
    string processor = File.ReadLines("/proc/cpuinfo").First(line => line.StartsWith("model name", StringComparison.Ordinal)).Split(':')[1].Trim();
    string load = File.ReadAllText("/proc/loadavg").Split(' ')[0];
    return $"{emulator} (TCG) on {Environment.ProcessorCount} cores of {processor}, load average {load} at the end";
}
