using System.Globalization;
using Osv.Bench.Commit;
using Osv.Bench.Streams;
using Osv.Cli.Bench;
using Osv.Database.Testing;

// usage: Osv.Bench.Streams REPORT_FILE [NODES]
// The control plane as it ships, with the streams of ten thousand agents on it; then somebody with a browser, then a program that reads.
const int ApiRate = 500, Visits = 7, Filters = 15;
if (args is ["agents", var orderFile]) return await SwarmRole.RunAsync(SwarmOrder.Read(orderFile));
int nodes = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 10_000;
TimeSpan settling = TimeSpan.FromSeconds(40), watching = TimeSpan.FromSeconds(60), reading = TimeSpan.FromSeconds(30);
using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, press) =>
{
    press.Cancel = true;
    stop.Cancel();
};
string results = Path.GetDirectoryName(Path.GetFullPath(args[0]))!, folder = Directory.CreateTempSubdirectory("osv-streams").FullName;
Directory.CreateDirectory(results);
try
{
    await using TestCluster cluster = await TestCluster.StartAsync(stop.Token);
    await using TestDatabase database = await cluster.CreateDatabaseAsync(stop.Token);
    string connection = cluster.Cluster.TcpConnectionString(database.Name);
    Step($"seeding {nodes} nodes of {BenchFleet.Shape.Cells * BenchFleet.Shape.CoresPerCell} cores with a tenant each");
    var fleet = new BenchFleet(database, connection, folder);
    await fleet.SeedAsync(nodes, stop.Token);
    (byte[] authority, IReadOnlyList<Credential> credentials) = await fleet.CertifyAsync(stop.Token);
    Step("starting the control plane");
    using ControlPlane plane = await ControlPlane.StartAsync(connection, folder, Path.Combine(results, "control-streams.log"), stop.Token);
    string password = (await File.ReadAllTextAsync(Path.Combine(folder, "password"), stop.Token)).Trim();
    string order = Path.Combine(folder, "order");
    new SwarmOrder(plane.Gateway, authority, credentials).Write(order);
    Step("connecting the agents");
    TimeSpan beforeConnecting = plane.Used;
    using Swarm swarm = await Swarm.StartAsync(order, Step, stop.Token);
    double connecting = (plane.Used - beforeConnecting).TotalMilliseconds / nodes;
    using ApiLoad api = await ApiLoad.LoginAsync(plane.Site, password, stop.Token);
    await Task.Delay(settling, stop.Token);

    Step("streams alone");
    await swarm.TakeAsync(stop.Token);
    StoredLag from = StoredLag.Read(await api.MetricsAsync(stop.Token));
    Usage before = Usage.Now(plane, swarm, cluster.Cluster.ProcessId);
    await Task.Delay(watching, stop.Token);
    Usage used = Usage.Now(plane, swarm, cluster.Cluster.ProcessId).Since(before);
    StoredLag alone = StoredLag.Read(await api.MetricsAsync(stop.Token));
    SwarmReport quiet = await swarm.TakeAsync(stop.Token);

    Step("somebody with a browser");
    var paints = new List<double>();
    var filters = new List<double>();
    string shown;
    await using (ConsoleVisit visit = await ConsoleVisit.SignInAsync(plane.Site, password))
    {
        // The first fills the browser's cache, and the server compiles.
        await visit.FirstPaintAsync();
        for (int i = 0; i < Visits; i++) paints.Add(await visit.FirstPaintAsync());
        shown = await visit.CountAsync();
        await visit.PictureAsync(Path.Combine(results, "control-streams-nodes.png"));
        await visit.FilterAsync("node-1");
        for (int i = 0; i < Filters; i++) filters.Add(await visit.FilterAsync(string.Create(CultureInfo.InvariantCulture, $"node-{7 + i * 13}")));
        await visit.PictureAsync(Path.Combine(results, "control-streams-found.png"));
    }

    Step($"a program that reads, {ApiRate} requests a second");
    IReadOnlyList<Func<Random, string>> mix = ApiLoad.Mix(fleet);
    await api.ReadAsync(mix, ApiRate / 5, TimeSpan.FromSeconds(10), stop.Token);
    before = Usage.Now(plane, swarm, cluster.Cluster.ProcessId);
    (IReadOnlyDictionary<string, Spread> byPath, Spread answers, int failed) = await api.ReadAsync(mix, ApiRate, reading, stop.Token);
    Usage busy = Usage.Now(plane, swarm, cluster.Cluster.ProcessId).Since(before);
    StoredLag end = StoredLag.Read(await api.MetricsAsync(stop.Token));
    SwarmReport last = await swarm.TakeAsync(stop.Token);
    long fresh = await database.QueryAsync<long>("SELECT count(*) FROM node_heartbeats WHERE received_at > clock_timestamp() - interval '8 s'");
    long ready = await database.QueryAsync<long>("SELECT count(*) FROM node_lifecycles WHERE state = 'Ready'"), running = await database.QueryAsync<long>("SELECT count(*) FROM tenant_lifecycles WHERE state = 'Running'");

    string paths = string.Join(", ", byPath.OrderBy(path => path.Key, StringComparer.Ordinal).Select(path => Text($"{path.Key} {path.Value.Median:F1}/{path.Value.P99:F1}")));
    Spread paint = Spread.Of(paints), filter = Spread.Of(filters);
    new BenchReport(
        "control-streams",
        Text($"control plane, PostgreSQL, agents, browser and reader on {Environment.ProcessorCount} cores of {File.ReadLines("/proc/cpuinfo").First(line => line.StartsWith("model name", StringComparison.Ordinal)).Split(':')[1].Trim()}, load average {(await File.ReadAllTextAsync("/proc/loadavg", stop.Token)).Split(' ')[0]} at the end"),
        [
            new Figure("streams that broke", last.Broken, "", 0, Text($"of {nodes}, over mutual TLS, a connection each; {connecting:F2} ms of processor time to take one in")),
            new Figure("control plane, cores in use", used.Plane + used.Database, "", 1, Text($"host {used.Plane:F2}, PostgreSQL {used.Database:F2}, in {watching.TotalSeconds:F0} s with streams alone; agents {used.Agents:F2}, not counted; host {plane.ResidentMebibytes:F0} MiB")),
            new Figure("heartbeats a second", alone.Since(from) / watching.TotalSeconds, "/s", null, Text($"stored; {nodes / 5.0:F0} are due")),
            new Figure("heartbeat, arrival to disk, p99", alone.P99(from), "ms", 1000, "streams alone; upper bound of its bucket"),
            new Figure("heartbeat, due to acknowledged, p99", quiet.Acknowledged.P99, "ms", 1000, Text($"streams alone; median {quiet.Acknowledged.Median:F1} ms, most {quiet.Acknowledged.Most:F0} ms of {quiet.Acknowledged.Count}")),
            new Figure("node list, first paint", paint.Median, "ms", 1000, Text($"median of {paint.Count}, most {paint.Most:F0} ms; a page load, from its request to the frame with rows; '{shown}'")),
            new Figure("node list, filter", filter.Median, "ms", 200, Text($"median of {filter.Count}, most {filter.Most:F0} ms; from the last key to the frame with the found rows")),
            new Figure("API reads, p99", answers.P99, "ms", 50, Text($"median {answers.Median:F1} ms, most {answers.Most:F0} ms of {answers.Count} at {ApiRate} a second, from when each was due; median/p99: {paths}")),
            new Figure("API reads not answered with 200", failed, "", 0, Text($"meanwhile host {busy.Plane:F2}, PostgreSQL {busy.Database:F2}, agents {busy.Agents:F2} cores")),
            new Figure("heartbeat, arrival to disk, p99 meanwhile", end.P99(alone), "ms", 1000, "with the browser and the reader"),
            new Figure("heartbeat, due to acknowledged, p99 meanwhile", last.Acknowledged.P99, "ms", 1000, Text($"median {last.Acknowledged.Median:F1} ms of {last.Acknowledged.Count}")),
            new Figure("nodes not heard within 8 s at the end", nodes - fresh, "", 0, ""),
            new Figure("nodes not Ready, tenants not Running", (2 * nodes) - ready - running, "", 0, "at the end"),
        ]).Write(args[0]);
    return 0;
}
finally
{
    Directory.Delete(folder, recursive: true);
}

static void Step(string what) => Console.WriteLine($"{DateTime.Now.ToString("HH:mm:ss", CultureInfo.InvariantCulture)} {what}");

static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
