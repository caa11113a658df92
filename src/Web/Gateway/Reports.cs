using System.Globalization;
using Npgsql;
using Osv.Data.Logs;
using Osv.Data.Nodes;
using Osv.Web.Consoles;
using Wire = Osv.Contracts.Node;

namespace Osv.Web.Gateway;

/// <summary>
/// Takes what agents report. A node may speak of itself and of the tenants that are placed on it, of nothing else; what it says beyond that, or what
/// cannot be, changes nothing and is counted. When a task ends, what was said is on disk.
/// </summary>
internal sealed class Reports(
    InventoryWriter inventories, ObservationWriter observations, EventWriter events, HealthReports health, HeartbeatFlush heartbeats, Enrolments enrolments, IConsoleReceiver consoles,
    NpgsqlDataSource source, DatabaseClock clock, GatewayMetrics metrics, ILogger<Reports> log) : BackgroundService
{
    private const int LongestConsole = 256 << 10, LongestMessage = 4096, LongestCategory = 64;

    /// <summary>How far a node's clock may be ahead.</summary>
    private static readonly TimeSpan Ahead = TimeSpan.FromMinutes(5), Behind = TimeSpan.FromDays(7);

    private readonly BatchWriter<AgentLogLine> _lines = new(1000, (lines, cancel) => SampleWriter.AppendAsync(source, lines, cancel));

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => _lines.RunAsync(stoppingToken);

    public async Task TakeAsync(NodeLink link, Wire.AgentEnvelope envelope, CancellationToken cancel)
    {
        string kind = envelope.BodyCase.ToString();
        link.Memory.Placed(link.Tenants.Keys, clock.Now);
        string? problem = envelope.BodyCase switch
        {
            Wire.AgentEnvelope.BodyOneofCase.Inventory => await inventories.WriteAsync(link, envelope.Inventory, cancel),
            Wire.AgentEnvelope.BodyOneofCase.Observed => await observations.TakeAsync(link, envelope.Observed, cancel),
            Wire.AgentEnvelope.BodyOneofCase.Event => await events.TakeAsync(link, envelope.Event, Time(envelope.Event.TimeUnixMs), cancel),
            Wire.AgentEnvelope.BodyOneofCase.Console => await ConsoleAsync(link, envelope.Console, cancel),
            Wire.AgentEnvelope.BodyOneofCase.Log => await LogAsync(link, envelope.Log, cancel),
            Wire.AgentEnvelope.BodyOneofCase.Heartbeat => await HeartbeatAsync(link, envelope, cancel),
            Wire.AgentEnvelope.BodyOneofCase.Renewal => await RenewAsync(link, envelope.Renewal, cancel),
            Wire.AgentEnvelope.BodyOneofCase.Hello => "a hello that is not the first message",
            _ => "a message of a kind that is not known here",
        };
        if (problem is null)
        {
            metrics.Taken(kind);
            return;
        }
        metrics.Refused(kind);
        if (link.MayComplain()) log.ReportRefused(link.Name, $"{kind}: {problem}");
    }

    private async Task<string?> HeartbeatAsync(NodeLink link, Wire.AgentEnvelope envelope, CancellationToken cancel)
    {
        heartbeats.Add(link.Node, envelope.Sequence);
        await health.MemoryAsync(link, envelope.Heartbeat.MemoryFreeBytes, cancel);
        return null;
    }

    private async Task<string?> ConsoleAsync(NodeLink link, Wire.ConsoleOutput output, CancellationToken cancel)
    {
        if (!Guid.TryParse(output.TenantId, out Guid tenant) || !link.Memory.Knows(tenant, clock.Now)) return $"tenant '{Short(output.TenantId)}' has no place on this node";
        if (output.Data.Length > LongestConsole) return $"a stretch of {output.Data.Length} bytes, at most {LongestConsole}";
        if (output.Instance > long.MaxValue || output.Offset > long.MaxValue - LongestConsole || output.LostBefore > long.MaxValue) return "a position that cannot be";
        DateTimeOffset at = Time(output.TimeUnixMs);
        await consoles.ReceiveAsync(tenant, (long)output.Instance, (long)output.Offset, output.Data.Memory, (long)output.LostBefore, at, cancel);
        await health.ConsoleAsync(link, tenant, output.Data.Span.ToArray(), at, cancel);
        return null;
    }

    private async Task<string?> LogAsync(NodeLink link, Wire.LogLine line, CancellationToken cancel)
    {
        if (line.Number > long.MaxValue) return "a number that cannot be";
        await _lines.AddAsync(new AgentLogLine
        {
            NodeId = link.Node,
            Number = (long)line.Number,
            At = Time(line.TimeUnixMs),
            Level = line.Level is "info" or "warn" or "error" ? line.Level : "info",
            Category = Cut(line.Category, LongestCategory),
            Message = Cut(line.Message, LongestMessage),
        }, cancel);
        return null;
    }

    private async Task<string?> RenewAsync(NodeLink link, Wire.RenewalRequest request, CancellationToken cancel)
    {
        try
        {
            link.Send(new Wire.ControlEnvelope { Renewal = new Wire.Renewal { Certificate = await enrolments.RenewAsync(link.Node, request.CertificateRequest, cancel) } });
            log.CertificateRenewed(link.Name);
            return null;
        }
        catch (System.Security.Cryptography.CryptographicException error)
        {
            return error.Message;
        }
    }

    /// <summary>A time that an agent gives, as far as it can be; its clock has only us to follow.</summary>
    private DateTimeOffset Time(ulong unixMs)
    {
        DateTimeOffset now = clock.Now;
        long earliest = (now - Behind).ToUnixTimeMilliseconds(), latest = (now + Ahead).ToUnixTimeMilliseconds();
        return unixMs < (ulong)earliest || unixMs > (ulong)latest ? now : DateTimeOffset.FromUnixTimeMilliseconds((long)unixMs);
    }

    internal static string Cut(string text, int most) => text.Length <= most ? text : string.Create(CultureInfo.InvariantCulture, $"{text[..most]}...");

    internal static string Short(string text) => Cut(text, 64);
}
