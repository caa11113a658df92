using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace Osv.Bench.Streams;

/// <summary>Something that is read.</summary>
/// <param name="Parts">Of 20 reads, how many are of this kind.</param>
internal sealed record ReadKind(string Name, int Parts, Func<Random, string> Path);

/// <summary>What became of reads that were sent at a fixed rate.</summary>
/// <param name="ByKind">Times from when each was due; of those that failed, too, until they failed.</param>
/// <param name="Failed">Not answered with 200: another status, a broken connection, or nothing within <see cref="ApiLoad.Patience"/>.</param>
/// <param name="Failure">What the first of them met; null: none failed.</param>
internal sealed record Reads(IReadOnlyDictionary<string, Spread> ByKind, Spread All, int Failed, string? Failure);

/// <summary>A program that reads over the API.</summary>
internal sealed class ApiLoad : IDisposable
{
    /// <summary>How long an answer may take before it counts as failed. It bounds how long a server that is overloaded can hold the benchmark up.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Requests that may be under way; more than ever are, unless the server falls behind.</summary>
    private const int Connections = 256;

    private readonly HttpClient _http;
    private readonly IReadOnlyList<ReadKind> _mix;

    private ApiLoad(HttpClient http, BenchFleet fleet)
    {
        _http = http;
        // Machines and the pages of lists that people and programs look at.
        Kinds =
        [
            new("tenants/ID", 8, random => $"/api/v1/tenants/{fleet.Tenants[random.Next(fleet.Tenants.Count)]}"),
            new("nodes/ID", 4, random => $"/api/v1/nodes/{fleet.Nodes[random.Next(fleet.Nodes.Count)]}"),
            new("tenants", 3, _ => "/api/v1/tenants?limit=50"),
            new("nodes", 3, _ => "/api/v1/nodes?limit=50"),
            new("projects", 1, _ => "/api/v1/projects"),
            new("me", 1, _ => "/api/v1/me"),
        ];
        _mix = [.. Kinds.SelectMany(kind => Enumerable.Repeat(kind, kind.Parts))];
    }

    public IReadOnlyList<ReadKind> Kinds { get; }

    public static async Task<ApiLoad> LoginAsync(Uri site, string password, BenchFleet fleet, CancellationToken cancel)
    {
        var http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = Connections, UseProxy = false }) { BaseAddress = site, Timeout = Patience };
        using HttpResponseMessage answer = await http.PostAsJsonAsync("/api/v1/login", new { userName = "admin", password }, cancel);
        answer.EnsureSuccessStatusCode();
        string token = (await answer.Content.ReadFromJsonAsync<JsonElement>(cancel)).GetProperty("token").GetString()!;
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return new ApiLoad(http, fleet);
    }

    public Task<string> MetricsAsync(CancellationToken cancel) => _http.GetStringAsync("/metrics", cancel);

    /// <summary>
    /// Sends requests at a fixed rate whatever the answers do. Each is timed from when it was due until its last byte, so a server that falls
    /// behind cannot hide it; one that gives no answer is counted, and ends nothing.
    /// </summary>
    public async Task<Reads> ReadAsync(int perSecond, TimeSpan time, CancellationToken cancel)
    {
        var random = new Random(1);
        var times = new ConcurrentBag<(string Kind, double Milliseconds)>();
        int failed = 0;
        string? failure = null;
        var under = new List<Task>();
        long start = Stopwatch.GetTimestamp();
        int total = (int)(perSecond * time.TotalSeconds);
        for (int i = 0; i < total;)
        {
            int due = Math.Min(total, 1 + (int)(Stopwatch.GetElapsedTime(start).TotalSeconds * perSecond));
            for (; i < due; i++)
            {
                ReadKind kind = _mix[random.Next(_mix.Count)];
                under.Add(ReadAsync(kind.Name, kind.Path(random), start + (long)((double)i / perSecond * Stopwatch.Frequency)));
            }
            await Task.Delay(1, cancel);
        }
        await Task.WhenAll(under);
        Dictionary<string, Spread> byKind = times.GroupBy(one => one.Kind).ToDictionary(group => group.Key, group => Spread.Of(group.Select(one => one.Milliseconds)));
        return new Reads(byKind, Spread.Of(times.Select(one => one.Milliseconds)), failed, failure);

        async Task ReadAsync(string kind, string path, long due)
        {
            if (await TryReadAsync(path, cancel) is { } wrong)
            {
                Interlocked.Increment(ref failed);
                Interlocked.CompareExchange(ref failure, $"{path}: {wrong}", null);
            }
            times.Add((kind, Stopwatch.GetElapsedTime(due).TotalMilliseconds));
        }
    }

    /// <summary>Reads one kind again and again, two at a time.</summary>
    /// <returns>How many answers there were.</returns>
    public async Task<int> RepeatAsync(ReadKind kind, TimeSpan time, CancellationToken cancel)
    {
        int answers = 0;
        long start = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(1, 2).Select(async seed =>
        {
            var random = new Random(seed);
            while (Stopwatch.GetElapsedTime(start) < time)
            {
                if (await TryReadAsync(kind.Path(random), cancel) is null) Interlocked.Increment(ref answers);
            }
        }));
        return answers;
    }

    /// <returns>What was wrong; null: it was answered with 200.</returns>
    private async Task<string?> TryReadAsync(string path, CancellationToken cancel)
    {
        try
        {
            using HttpResponseMessage answer = await _http.GetAsync(path, HttpCompletionOption.ResponseContentRead, cancel);
            return answer.IsSuccessStatusCode ? null : $"status {(int)answer.StatusCode}";
        }
        catch (Exception error) when (error is HttpRequestException or IOException || (error is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            return error.Message;
        }
    }

    public void Dispose() => _http.Dispose();
}
