namespace Osv.Bench.Streams;

/// <summary>Measures what reads over the API cost, and how long they take.</summary>
/// <param name="postmaster">PostgreSQL's first process.</param>
internal sealed class Reading(Findings findings, ApiLoad api, ControlPlane plane, int postmaster)
{
    /// <summary>Reads a second.</summary>
    private const int Rate = 500;

    private static readonly TimeSpan s_warmUp = TimeSpan.FromSeconds(15), s_each = TimeSpan.FromSeconds(6), s_time = TimeSpan.FromSeconds(30);

    /// <summary>Processor time of every kind by itself, after the runtime has compiled what all of them need.</summary>
    public async Task CostAsync(CancellationToken cancel)
    {
        double planeTime = 0, databaseTime = 0;
        int parts = 0;
        var kinds = new List<FormattableString>();
        await api.ReadAsync(Rate / 2, s_warmUp, cancel);
        foreach (ReadKind kind in api.Kinds)
        {
            await api.RepeatAsync(kind, s_each, cancel);
            Usage before = Usage.Now(plane, null, postmaster);
            int answers = await api.RepeatAsync(kind, s_each, cancel);
            (double host, double server) = Usage.Now(plane, null, postmaster).Each(before, answers);
            kinds.Add($"{kind.Name} {host:F2} + {server:F2}");
            (planeTime, databaseTime, parts) = (planeTime + (host * kind.Parts), databaseTime + (server * kind.Parts), parts + kind.Parts);
        }
        string each = string.Join(", ", kinds.Select(FormattableString.Invariant));
        findings.Add("processor time of a read", (planeTime + databaseTime) / parts, "ms", null, $"in the mix; host {planeTime / parts:F2}, PostgreSQL {databaseTime / parts:F2}; each kind, two at a time, host + PostgreSQL: {each}");
    }

    /// <param name="where">For the names of the figures: "alone".</param>
    /// <param name="swarm">Null: there are no agents.</param>
    public async Task ReadAsync(string where, Swarm? swarm, CancellationToken cancel)
    {
        await api.ReadAsync(Rate / 2, s_warmUp, cancel);
        Usage before = Usage.Now(plane, swarm, postmaster);
        Reads reads = await api.ReadAsync(Rate, s_time, cancel);
        Usage used = Usage.Now(plane, swarm, postmaster).Since(before);
        string kinds = string.Join(", ", reads.ByKind.OrderBy(kind => kind.Key, StringComparer.Ordinal).Select(kind => FormattableString.Invariant($"{kind.Key} {kind.Value.Median:F1}/{kind.Value.P99:F1}")));
        findings.Add($"API reads {where}, p99", reads.All.P99, "ms", 50, $"median {reads.All.Median:F1} ms, most {reads.All.Most:F0} ms of {reads.All.Count} at {Rate} a second, from when each was due; median/p99: {kinds}");
        findings.Add($"API reads {where}, not answered with 200", reads.Failed, "", 0, $"within {ApiLoad.Patience.TotalSeconds} s{(reads.Failure is null ? "" : "; the first: ")}{reads.Failure}");
        findings.Add($"API reads {where}, cores in use", used.Plane + used.Database + used.Agents + used.Reader, "", null, $"host {used.Plane:F2}, PostgreSQL {used.Database:F2}, the reader {used.Reader:F2}, agents {used.Agents:F2}");
    }
}
