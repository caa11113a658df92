using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Osv.Data.Logs;
using Osv.Database.Testing;
using Osv.Web.Consoles;
using Osv.Web.Tests;
using Client = Osv.Web.Tests.Api;

namespace Osv.Cli.Tests;

/// <summary>
/// A cloud whose control plane and scheduler are the real ones, on a database of its own, and whose two nodes are played: their agents' rows are
/// written, and at each console sits something that knows the few lines that the stories type.
/// </summary>
public sealed class PlayedCloud : IAsyncDisposable
{
    private const int Nodes = 2;
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(100);

    private readonly Site _site;
    private readonly TestDatabase _database;
    private readonly WebApplication _host;
    private readonly CancellationTokenSource _end = new();
    private readonly ConcurrentDictionary<Guid, PlayedTenant> _tenants = new();
    private Task _playing = Task.CompletedTask;

    private PlayedCloud(Site site, TestDatabase database, WebApplication host) => (_site, _database, _host) = (site, database, host);

    public Uri Address => new(_host.Urls.Single());

    public string Token { get; } = $"osv_{Guid.NewGuid():N}";

    public static async Task<PlayedCloud> StartAsync(Site site)
    {
        TestDatabase database = await site.NewDatabaseAsync();
        // Short waits, so that a test does not take as long as a cloud may.
        WebApplication host = await site.StartOnAsync(database, "--Osv:FirstAdministrator=first", "--Osv:Scheduler:Enabled=true", "--Osv:Scheduler:Poll=00:00:00.1", "--Osv:Scheduler:Nodes:LookAgain=00:00:00.2", "--Osv:Scheduler:Tenants:LookAgain=00:00:00.2");
        var cloud = new PlayedCloud(site, database, host);
        await cloud.PrepareAsync();
        cloud._playing = cloud.PlayAsync(cloud._end.Token);
        return cloud;
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        foreach (PlayedTenant tenant in _tenants.Values) await tenant.Console;
        await _playing;
        await _host.DisposeAsync();
        await _database.DisposeAsync();
        _end.Dispose();
    }

    private async Task PrepareAsync()
    {
        await _database.ExecuteAsync(
            "INSERT INTO api_tokens (id, user_id, name, token_sha256, scopes, created_at, expires_at) SELECT gen_random_uuid(), id, 'story', $1, ARRAY['*'], now(), now() + interval '1 day' FROM users",
            SHA256.HashData(Encoding.UTF8.GetBytes(Token)));
        Guid[] nodes = await new FleetSeed(_database.Source).NodesAsync(Nodes, new NodeShape { Cells = 1, CoresPerCell = 4, MemoryBytesPerCell = 4L << 30 });
        await _database.ExecuteAsync("UPDATE node_lifecycles SET deadline_at = NULL");
        await _database.ExecuteAsync("INSERT INTO node_desired (node_id, intent, changed_by, changed_at) SELECT id, 'Serve', 'operator', clock_timestamp() FROM unnest($1) id", nodes);
        await _database.ExecuteAsync("INSERT INTO node_heartbeats (node_id, received_at, sequence, lease_expires_at) SELECT id, clock_timestamp(), 1, clock_timestamp() + interval '1 hour' FROM unnest($1) id", nodes);
        using var administrator = new Client(Address, Token);
        (await administrator.PostAsync("/api/v1/images", Uploads.Form("debian-12", null, TestKernel.Make(), shared: true))).Status.ShouldBe(201);
    }

    private async Task PlayAsync(CancellationToken end)
    {
        DateTimeOffset counted = DateTimeOffset.MinValue;
        using var timer = new PeriodicTimer(Tick);
        try
        {
            while (await timer.WaitForNextTickAsync(end))
            {
                await ReportAsync();
                if (DateTimeOffset.UtcNow - counted < TimeSpan.FromSeconds(1)) continue;
                counted = DateTimeOffset.UtcNow;
                foreach ((Guid id, PlayedTenant tenant) in _tenants)
                {
                    tenant.Interrupts += 40;
                    await SampleWriter.AppendAsync(_database.Source, [Sample(id, "Icr", tenant.Interrupts), Sample(id, "Cpuid", 12), Sample(id, "Msr", 3)], end);
                }
            }
        }
        catch (OperationCanceledException)
        {
        }

        ExitSample Sample(Guid tenant, string reason, long total) => new() { TenantId = tenant, At = counted, ExitReason = reason, Total = total };
    }

    /// <summary>What the agents see of every tenant that has a place: it runs, unless it is to stop.</summary>
    private async Task ReportAsync()
    {
        IReadOnlyList<Guid> placed = await _database.ListAsync<Guid>("SELECT tenant_id FROM placements");
        foreach (Guid id in placed)
        {
            PlayedTenant tenant = _tenants.GetOrAdd(id, Begin);
            await _database.ExecuteAsync(
                """
                INSERT INTO tenant_observed (tenant_id, node_id, partition_state, partition_number, fence, reboots, restarts, restarts_followed, last_end, observed_at)
                SELECT p.tenant_id, p.node_id, CASE WHEN l.state = 'Stopping' THEN 'Absent' ELSE 'Running' END, 1, p.fence, d.reboots, $2, 0, $3, clock_timestamp()
                FROM placements p JOIN tenant_desired d USING (tenant_id) JOIN tenant_lifecycles l USING (tenant_id) WHERE p.tenant_id = $1
                ON CONFLICT (tenant_id) DO UPDATE SET node_id = EXCLUDED.node_id, partition_state = EXCLUDED.partition_state, fence = EXCLUDED.fence, reboots = EXCLUDED.reboots,
                    restarts = EXCLUDED.restarts, last_end = EXCLUDED.last_end, observed_at = EXCLUDED.observed_at
                """, id, tenant.Restarts, tenant.Restarts > 0 ? "Panicked" : DBNull.Value);
        }
        foreach ((Guid id, PlayedTenant tenant) in _tenants)
        {
            if (!placed.Contains(id) && _tenants.TryRemove(id, out _)) await tenant.LeaveAsync();
        }
    }

    private PlayedTenant Begin(Guid id)
    {
        var tenant = new PlayedTenant(_end.Token);
        ChannelReader<byte[]> keys = _site.Keyboards.Connect(id);
        tenant.Console = SitAsync(id, tenant, keys, tenant.Left);
        return tenant;
    }

    /// <summary>Echoes what is typed, as a terminal line does, and answers.</summary>
    private async Task SitAsync(Guid id, PlayedTenant tenant, ChannelReader<byte[]> keys, CancellationToken left)
    {
        const string prompt = "\u001b[?2004hroot@played:~# ";
        var receiver = _host.Services.GetRequiredService<IConsoleReceiver>();
        // Names this sitting: a stream of bytes of its own.
        long instance = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), offset = 0;
        var line = new StringBuilder();
        try
        {
            await PrintAsync("[    0.000000] Linux version 6.1\r\n" + prompt);
            await foreach (byte[] typed in keys.ReadAllAsync(left))
            {
                foreach (char key in Encoding.UTF8.GetString(typed))
                {
                    if (key is not ('\n' or '\r'))
                    {
                        line.Append(key);
                        await PrintAsync(key.ToString());
                        continue;
                    }
                    await PrintAsync($"\r\n{Answer(line.ToString(), tenant)}{prompt}");
                    line.Clear();
                }
            }
        }
        catch (OperationCanceledException)
        {
            _site.Keyboards.Disconnect(id);
        }

        async Task PrintAsync(string text)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(text);
            await receiver.ReceiveAsync(id, instance, offset, bytes, 0, DateTimeOffset.UtcNow, left);
            offset += bytes.Length;
        }
    }

    private static string Answer(string line, PlayedTenant tenant)
    {
        if (line.Contains("sysrq-trigger", StringComparison.Ordinal))
        {
            tenant.Restarts++;
            return "[   99.000001] sysrq: Trigger a crash\r\n[   99.000002] Kernel panic - not syncing: sysrq triggered crash\r\n[    0.000000] Linux version 6.1\r\n";
        }
        return line switch
        {
            "" => "",
            "nproc" => "\u001b[?2004l\r2\r\n",
            "cat /proc/meminfo" => string.Create(CultureInfo.InvariantCulture, $"MemTotal:         {480_000} kB\r\nMemFree:          300000 kB\r\n"),
            "echo ready $((20+22))" => "ready 42\r\n",
            _ when line.Contains("echo \"work $((40+2)) begins\"", StringComparison.Ordinal) => "[1] 234\r\nwork 42 begins\r\n",
            _ => $"-bash: {line}: command not found\r\n",
        };
    }

    private sealed class PlayedTenant(CancellationToken end)
    {
        private readonly CancellationTokenSource _left = CancellationTokenSource.CreateLinkedTokenSource(end);

        public CancellationToken Left => _left.Token;

        public Task Console { get; set; } = Task.CompletedTask;

        public int Restarts { get; set; }

        public long Interrupts { get; set; }

        public async Task LeaveAsync()
        {
            await _left.CancelAsync();
            await Console;
            _left.Dispose();
        }
    }
}
