using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace Osv.Bench.Streams;

/// <summary>A program that reads over the API.</summary>
internal sealed class ApiLoad : IDisposable
{
    /// <summary>Requests that may be under way; more than ever are, unless the server falls behind.</summary>
    private const int Connections = 256;

    private readonly HttpClient _http;

    private ApiLoad(HttpClient http) => _http = http;

    public static async Task<ApiLoad> LoginAsync(Uri site, string password, CancellationToken cancel)
    {
        var http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = Connections, UseProxy = false }) { BaseAddress = site };
        using HttpResponseMessage answer = await http.PostAsJsonAsync("/api/v1/login", new { userName = "admin", password }, cancel);
        answer.EnsureSuccessStatusCode();
        string token = (await answer.Content.ReadFromJsonAsync<JsonElement>(cancel)).GetProperty("token").GetString()!;
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return new ApiLoad(http);
    }

    public Task<string> MetricsAsync(CancellationToken cancel) => _http.GetStringAsync("/metrics", cancel);

    /// <summary>What is read, of 20: machines and the pages of lists that people and programs look at.</summary>
    public static IReadOnlyList<Func<Random, string>> Mix(BenchFleet fleet) =>
    [
        .. Enumerable.Repeat<Func<Random, string>>(random => $"/api/v1/tenants/{fleet.Tenants[random.Next(fleet.Tenants.Count)]}", 8),
        .. Enumerable.Repeat<Func<Random, string>>(random => $"/api/v1/nodes/{fleet.Nodes[random.Next(fleet.Nodes.Count)]}", 4),
        .. Enumerable.Repeat<Func<Random, string>>(_ => "/api/v1/tenants?limit=50", 3),
        .. Enumerable.Repeat<Func<Random, string>>(_ => "/api/v1/nodes?limit=50", 3),
        _ => "/api/v1/projects",
        _ => "/api/v1/me",
    ];

    /// <summary>
    /// Sends requests at a fixed rate whatever the answers do. Each is timed from when it was due until its last byte, so a server that falls
    /// behind cannot hide it.
    /// </summary>
    /// <returns>Times, by path without ids; and how many were not answered with 200.</returns>
    public async Task<(IReadOnlyDictionary<string, Spread> Times, Spread All, int Failed)> ReadAsync(IReadOnlyList<Func<Random, string>> mix, int perSecond, TimeSpan time, CancellationToken cancel)
    {
        var random = new Random(1);
        var times = new ConcurrentBag<(string What, double Milliseconds)>();
        int failed = 0;
        var under = new List<Task>();
        long start = Stopwatch.GetTimestamp();
        int total = (int)(perSecond * time.TotalSeconds);
        for (int i = 0; i < total;)
        {
            int due = Math.Min(total, 1 + (int)(Stopwatch.GetElapsedTime(start).TotalSeconds * perSecond));
            for (; i < due; i++)
            {
                string path = mix[random.Next(mix.Count)](random);
                under.Add(ReadAsync(path, start + (long)((double)i / perSecond * Stopwatch.Frequency)));
            }
            await Task.Delay(1, cancel);
        }
        await Task.WhenAll(under);
        Dictionary<string, Spread> byPath = times.GroupBy(one => one.What).ToDictionary(group => group.Key, group => Spread.Of(group.Select(one => one.Milliseconds)));
        return (byPath, Spread.Of(times.Select(one => one.Milliseconds)), failed);

        async Task ReadAsync(string path, long due)
        {
            using HttpResponseMessage answer = await _http.GetAsync(path, HttpCompletionOption.ResponseContentRead, cancel);
            if (!answer.IsSuccessStatusCode) Interlocked.Increment(ref failed);
            string[] parts = path.Split('/', '?');
            string what = parts[3] + (parts.Length > 4 && Guid.TryParse(parts[4], out _) ? "/ID" : "");
            times.Add((what, Stopwatch.GetElapsedTime(due).TotalMilliseconds));
        }
    }

    public void Dispose() => _http.Dispose();
}
