using System.Buffers.Binary;
using System.Diagnostics;
using System.Security.Cryptography;
using Osv.Data.Tenants;

namespace Osv.Web.Gateway;

/// <summary>
/// The spans of one start, from the placement to the first report that the partition runs. They belong to the trace of the request that the start
/// follows from, which is kept with the desired state: from the click to the running partition it is one trace. A start that no request is known of
/// has a trace of its own, whose ids follow from tenant and fence, so that every replica names it alike.
/// </summary>
internal static class StartTrace
{
    /// <summary>W3C trace context.</summary>
    public static string ParentOf(Guid tenant, PlacedTenant placed)
    {
        ActivityContext context = ContextOf(tenant, placed);
        return $"00-{context.TraceId}-{context.SpanId}-{(int)context.TraceFlags:x2}";
    }

    public static ActivityContext ContextOf(Guid tenant, PlacedTenant placed)
    {
        if (ActivityContext.TryParse(placed.TraceParent, null, isRemote: true, out ActivityContext request)) return request;
        Span<byte> name = stackalloc byte[24];
        tenant.TryWriteBytes(name);
        BinaryPrimitives.WriteInt64LittleEndian(name[16..], placed.Fence);
        byte[] hash = SHA256.HashData(name);
        return new ActivityContext(ActivityTraceId.CreateFromBytes(hash.AsSpan(0, 16)), ActivitySpanId.CreateFromBytes(hash.AsSpan(16, 8)), ActivityTraceFlags.Recorded, isRemote: true);
    }

    /// <summary>A node is told of a desired state: the span names the traces of the starts that are news to it.</summary>
    /// <param name="node">Name of the node.</param>
    /// <param name="plan">What it is told.</param>
    /// <param name="before">What it knew of.</param>
    public static Activity? Told(string node, DesiredPlan plan, IReadOnlyDictionary<Guid, PlacedTenant> before)
    {
        ActivityLink[] starts = [.. plan.Tenants.Where(tenant => tenant.Value.Wanted && before.GetValueOrDefault(tenant.Key)?.Fence != tenant.Value.Fence).Select(tenant => new ActivityLink(ContextOf(tenant.Key, tenant.Value)))];
        Activity? span = GatewayMetrics.Source.StartActivity(ActivityKind.Internal, links: starts, name: "desired state");
        return span?.SetTag("osv.node", node).SetTag("osv.revision", (long)plan.Revision).SetTag("osv.partitions", plan.Partitions.Count);
    }

    /// <summary>A report says that a start has come to a phase: the time since the one before is a span.</summary>
    public static void Reached(Guid tenant, PlacedTenant placed, string node, PartitionPhase phase, DateTimeOffset since, DateTimeOffset now)
    {
        using Activity? span = GatewayMetrics.Source.StartActivity($"tenant start: until {phase}", ActivityKind.Internal, ContextOf(tenant, placed), startTime: since);
        if (span is null) return;
        span.SetTag("osv.tenant", tenant).SetTag("osv.node", node).SetTag("osv.fence", placed.Fence).SetEndTime(now.UtcDateTime);
    }
}
