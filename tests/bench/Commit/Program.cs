using System.Globalization;
using Npgsql;
using Osv.Bench.Commit;
using Osv.Cli.Bench;
using Osv.Database.Testing;

// usage: Osv.Bench.Commit REPORT_FILE
// Durable placements a second into a PostgreSQL of our own, fsync on: group commit against one transaction for each placement, in one run.
const int nodes = 3000, projects = 20, rounds = 3;
using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, press) =>
{
    press.Cancel = true;
    stop.Cancel();
};

await using TestCluster cluster = await TestCluster.StartAsync(stop.Token);
await using TestDatabase database = await cluster.CreateDatabaseAsync(stop.Token);
NpgsqlDataSource source = database.Source;
var seed = new FleetSeed(source);
Console.WriteLine($"seeding {nodes} nodes of {BenchFleet.Shape.Cells * BenchFleet.Shape.CoresPerCell} cores");
Guid[] ids = await seed.NodesAsync(nodes, BenchFleet.Shape);
var owners = new List<Guid>();
for (int i = 0; i < projects; i++) owners.Add(await seed.ProjectAsync($"project-{i}"));
var fleet = new BenchFleet(ids);

Way[] ways =
[
    new("one transaction each, one at a time", Placements: 500, Planners: 1, LargestBatch: 1, Writers: 1),
    new("one transaction each, 16 at a time", Placements: 2000, Planners: 256, LargestBatch: 1, Writers: 16),
    new("group commit", Placements: 10_000, Planners: 256, LargestBatch: 256, Writers: 2),
];
var taken = new List<Measurement>();
for (int round = 1; round <= rounds; round++)
{
    foreach (Way way in ways)
    {
        var tenants = new List<Guid>();
        foreach (Guid project in owners) tenants.AddRange(await seed.TenantsAsync(project, way.Placements / projects, BenchFleet.CoresPerTenant, BenchFleet.BytesPerTenant, nics: 1));
        Measurement measured = await Measurement.TakeAsync(source, cluster.Cluster.ProcessId, way, fleet, tenants, stop.Token);
        taken.Add(measured);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"round {round} of {rounds}: {way.Name}: {measured.PerSecond:F0}/s"));
    }
}
double heartbeats = await HeartbeatMeasurement.MedianMillisecondsAsync(source, ids, stop.Token);

long placed = await database.QueryAsync<long>("SELECT count(*) FROM placements"), sold = await database.QueryAsync<long>("SELECT count(*) FROM core_allocations");
if (placed != taken.Sum(measurement => measurement.Placements) || sold != placed * BenchFleet.CoresPerTenant)
{
    await Console.Error.WriteLineAsync($"the database holds {placed} placements and {sold} cores, which is not what was committed");
    return 1;
}
string settings = await database.QueryAsync<string>("SELECT 'PostgreSQL ' || split_part(current_setting('server_version'), ' ', 1) || ', fsync ' || current_setting('fsync') || ', synchronous_commit ' || current_setting('synchronous_commit')");
string processor = File.ReadLines("/proc/cpuinfo").First(line => line.StartsWith("model name", StringComparison.Ordinal)).Split(':')[1].Trim();
string load = (await File.ReadAllTextAsync("/proc/loadavg", stop.Token)).Split(' ')[0];
new BenchReport(
    "control",
    $"{settings}; client and server on {Environment.ProcessorCount} cores of {processor}, load average {load} at the end",
    [
        .. ways.SelectMany(way => Figures.Of(way, [.. taken.Where(measurement => measurement.Way == way)])),
        new Figure("heartbeats of all nodes", heartbeats, "ms", null, $"{nodes} nodes in one statement, median of {HeartbeatMeasurement.Statements}"),
    ]).Write(args[0]);
return 0;
