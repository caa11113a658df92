using System.Globalization;
using Osv.Bench.Streams;
using Osv.Database.Testing;

// usage: Osv.Bench.Streams REPORT_FILE [NODES] [reads]
// The control plane as it ships: first a program that reads, alone; then the streams of ten thousand agents; then, beside them, somebody with a browser,
// and the program again. With "reads" the first part only.
if (args is ["agents", var orderFile]) return await SwarmRole.RunAsync(SwarmOrder.Read(orderFile));
int nodes = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 10_000;
bool readsOnly = args is [_, _, "reads"];
using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, press) =>
{
    press.Cancel = true;
    stop.Cancel();
};
string results = Path.GetDirectoryName(Path.GetFullPath(args[0]))!, folder = Directory.CreateTempSubdirectory("osv-streams").FullName;
Directory.CreateDirectory(results);
var findings = new Findings();
try
{
    await using TestCluster cluster = await TestCluster.StartAsync(stop.Token);
    await using TestDatabase database = await cluster.CreateDatabaseAsync(stop.Token);
    string connection = cluster.Cluster.TcpConnectionString(database.Name);
    var fleet = new BenchFleet(database, connection, folder);
    await findings.TryAsync($"a fleet of {nodes} nodes of {BenchFleet.Shape.Cells * BenchFleet.Shape.CoresPerCell} cores with a tenant each, and its control plane", async () =>
    {
        await fleet.SeedAsync(nodes, stop.Token);
        (byte[] authority, IReadOnlyList<Credential> credentials) = await fleet.CertifyAsync(stop.Token);
        using ControlPlane plane = await ControlPlane.StartAsync(connection, folder, Path.Combine(results, "control-streams.log"), stop.Token);
        string order = Path.Combine(folder, "order"), password = (await File.ReadAllTextAsync(Path.Combine(folder, "password"), stop.Token)).Trim();
        new SwarmOrder(plane.Gateway, authority, credentials).Write(order);
        using ApiLoad api = await ApiLoad.LoginAsync(plane.Site, password, fleet, stop.Token);
        var reading = new Reading(findings, api, plane, cluster.Cluster.ProcessId);
        await findings.TryAsync("each kind of read by itself", () => reading.CostAsync(stop.Token));
        await findings.TryAsync("reads alone", () => reading.ReadAsync("alone", null, stop.Token));
        if (!readsOnly) await new Watching(findings, database, api, plane, cluster.Cluster.ProcessId, nodes, results).RunAsync(order, password, reading, stop.Token);
    });
}
finally
{
    findings.Write(args[0]);
    Directory.Delete(folder, recursive: true);
}
return 0;
