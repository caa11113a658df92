using System.Diagnostics;
using System.Globalization;
using Osv.Bench.Node;
using Osv.Cli.Bench;

// usage: Osv.Bench.Node REPORT_FILE
// The monitor has 64 partitions, one of them the management's.
const int Boots = 3, Starts = 5, Talkers = 63;
const long Gibibyte = 1L << 30;
using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, press) =>
{
    press.Cancel = true;
    stop.Cancel();
};
var figures = new List<Figure>();

Step("building monitor, agent and images");
BenchFiles files = await BenchFiles.BuildAsync(stop.Token);

var ready = new List<double>();
var monitor = new List<double>();
for (int boot = 1; boot <= Boots; boot++)
{
    Step($"power-on to Ready, {boot} of {Boots}");
    BenchNode node = await BenchNode.BootAsync(files, 8, 4 * Gibibyte, stop.Token);
    await using (node)
    {
        ready.Add(node.Ready.TotalSeconds);
        monitor.Add(node.Monitor.TotalSeconds);
        if (boot < Boots) continue;

        Step($"tenant starts and ends, {Starts} times");
        var starts = new List<(double Over, double Kernel)>();
        var resets = new List<(double Detected, double Line)>();
        for (int i = 1; i <= Starts; i++)
        {
            await Measurements.EmptyAsync(node, files.BusyboxImage(node.Plane));
            starts.Add(await Measurements.StartAsync(node, files, $"t{i}"));
            resets.Add(await Measurements.RestartAsync(node, $"t{i}"));
        }
        figures.Add(Of("create to user space, less the kernel's own time", starts.Select(one => one.Over), 2, $"kernel's own {Measurements.Median(starts.Select(one => one.Kernel)):0.00} s; the first fetches the image"));
        figures.Add(Of("end of a tenant to its next start", resets.Select(one => one.Detected), 1, $"a reset, by the monitor's clock, scrub and load included; request to first line {Measurements.Median(resets.Select(one => one.Line)):0.00} s"));

        Step("a minute of idleness");
        figures.Add(await Measurements.IdleAsync(node, stop.Token));
        await Measurements.EmptyAsync(node);

        Step("image transfer");
        figures.Add(await Measurements.TransferAsync(node, files, stop.Token));
        figures.Add(new Figure("agent, resident", node.Node.Heartbeat!.ResidentBytes / 1048576.0, "MiB", 64, "after all of the above"));
    }
}
figures.Insert(0, Of("power-on to Ready, 8 cores", ready, 60, "netboot by iPXE included"));
figures.Insert(1, Of("of that, monitor", monitor, 2, "from its files loaded to partition 0 entered"));

Step($"{Talkers} consoles at once");
figures.AddRange(await Consoles.MeasureAsync(files, Talkers, stop.Token));

new BenchReport("node", Machine(), figures).Write(args[0]);
return 0;

static Figure Of(string name, IEnumerable<double> seconds, double bound, string detail)
{
    double[] sorted = [.. seconds.Order()];
    return new Figure(name, sorted[sorted.Length / 2], "s", bound, string.Create(CultureInfo.InvariantCulture, $"median of {sorted.Length}, {sorted[0]:0.00} to {sorted[^1]:0.00}; {detail}"));
}

static void Step(string what) => Console.WriteLine($"{DateTime.Now.ToString("HH:mm:ss", CultureInfo.InvariantCulture)} {what}");

static string Machine()
{
    string processor = File.ReadLines("/proc/cpuinfo").First(line => line.StartsWith("model name", StringComparison.Ordinal)).Split(':')[1].Trim();
    return $"QEMU (TCG) on {Environment.ProcessorCount} cores of {processor}, load average {File.ReadAllText("/proc/loadavg").Split(' ')[0]} at the end";
}
