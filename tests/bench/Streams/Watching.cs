using System.Globalization;
using Osv.Database.Testing;

namespace Osv.Bench.Streams;

/// <summary>Measures the control plane with the streams of all agents on it.</summary>
/// <param name="postmaster">PostgreSQL's first process.</param>
/// <param name="results">Folder for pictures.</param>
internal sealed class Watching(Findings findings, TestDatabase database, ApiLoad api, ControlPlane plane, int postmaster, int nodes, string results)
{
    private const int Visits = 7, Filters = 15;

    private static readonly TimeSpan s_settling = TimeSpan.FromSeconds(40), s_time = TimeSpan.FromSeconds(60);

    public async Task RunAsync(string order, string password, Reading reading, CancellationToken cancel)
    {
        Swarm? swarm = null;
        try
        {
            TimeSpan before = plane.Used;
            if (!await findings.TryAsync("connecting the agents", async () => swarm = await Swarm.StartAsync(order, Console.WriteLine, cancel))) return;
            double connecting = (plane.Used - before).TotalMilliseconds / nodes;
            await Task.Delay(s_settling, cancel);
            await findings.TryAsync("streams alone", () => StreamsAsync(swarm!, cancel));
            await findings.TryAsync("somebody with a browser", () => BrowseAsync(password));
            await findings.TryAsync("reads beside the streams", async () =>
            {
                StoredLag from = StoredLag.Read(await api.MetricsAsync(cancel));
                await swarm!.TakeAsync(cancel);
                await reading.ReadAsync("beside the streams", swarm, cancel);
                StoredLag end = StoredLag.Read(await api.MetricsAsync(cancel));
                SwarmReport report = await swarm.TakeAsync(cancel);
                findings.Add("heartbeat, arrival to disk, p99 beside the reads", end.P99(from), "ms", 1000, $"upper bound of its bucket; {end.Since(from):F0} were stored");
                findings.Add("heartbeat, due to acknowledged, p99 beside the reads", report.Acknowledged.P99, "ms", 1000, $"median {report.Acknowledged.Median:F1} ms of {report.Acknowledged.Count}");
            });
            await findings.TryAsync("what stands at the end", async () =>
            {
                SwarmReport last = await swarm!.TakeAsync(cancel);
                findings.Add("streams that broke", last.Broken, "", 0, $"of {nodes}, over mutual TLS, a connection each; {connecting:F2} ms of processor time to take one in");
                long fresh = await database.QueryAsync<long>("SELECT count(*) FROM node_heartbeats WHERE received_at > clock_timestamp() - interval '8 s'");
                findings.Add("nodes not heard within 8 s at the end", nodes - fresh, "", 0, $"");
                long ready = await database.QueryAsync<long>("SELECT count(*) FROM node_lifecycles WHERE state = 'Ready'"), running = await database.QueryAsync<long>("SELECT count(*) FROM tenant_lifecycles WHERE state = 'Running'");
                findings.Add("nodes not Ready, tenants not Running", (2 * nodes) - ready - running, "", 0, $"at the end");
            });
        }
        finally
        {
            swarm?.Dispose();
        }
    }

    private async Task StreamsAsync(Swarm swarm, CancellationToken cancel)
    {
        await swarm.TakeAsync(cancel);
        StoredLag from = StoredLag.Read(await api.MetricsAsync(cancel));
        Usage before = Usage.Now(plane, swarm, postmaster);
        await Task.Delay(s_time, cancel);
        Usage used = Usage.Now(plane, swarm, postmaster).Since(before);
        StoredLag to = StoredLag.Read(await api.MetricsAsync(cancel));
        SwarmReport report = await swarm.TakeAsync(cancel);
        findings.Add("control plane, cores in use", used.Plane + used.Database, "", 1, $"host {used.Plane:F2}, PostgreSQL {used.Database:F2}, in {s_time.TotalSeconds:F0} s with streams alone; agents {used.Agents:F2}, not counted; host {plane.ResidentMebibytes:F0} MiB");
        findings.Add("heartbeats a second", to.Since(from) / s_time.TotalSeconds, "/s", null, $"stored; {nodes / 5.0:F0} are due");
        findings.Add("heartbeat, arrival to disk, p99", to.P99(from), "ms", 1000, $"streams alone; upper bound of its bucket");
        findings.Add("heartbeat, due to acknowledged, p99", report.Acknowledged.P99, "ms", 1000, $"streams alone; median {report.Acknowledged.Median:F1} ms, most {report.Acknowledged.Most:F0} ms of {report.Acknowledged.Count}");
    }

    private async Task BrowseAsync(string password)
    {
        var paints = new List<double>();
        var filters = new List<double>();
        await using ConsoleVisit visit = await ConsoleVisit.SignInAsync(plane.Site, password);
        // The first fills the browser's cache, and the server compiles.
        await visit.FirstPaintAsync();
        for (int i = 0; i < Visits; i++) paints.Add(await visit.FirstPaintAsync());
        string shown = await visit.CountAsync();
        await visit.PictureAsync(Path.Combine(results, "control-streams-nodes.png"));
        await visit.FilterAsync("node-1");
        for (int i = 0; i < Filters; i++) filters.Add(await visit.FilterAsync(string.Create(CultureInfo.InvariantCulture, $"node-{7 + i * 13}")));
        await visit.PictureAsync(Path.Combine(results, "control-streams-found.png"));
        Spread paint = Spread.Of(paints), filter = Spread.Of(filters);
        findings.Add("node list, first paint", paint.Median, "ms", 1000, $"median of {paint.Count}, most {paint.Most:F0} ms; a page load, from its request to the frame with rows; '{shown}'");
        findings.Add("node list, filter", filter.Median, "ms", 200, $"median of {filter.Count}, most {filter.Most:F0} ms; from the last key to the frame with the found rows");
    }
}
