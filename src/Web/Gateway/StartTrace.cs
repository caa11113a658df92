using System.Buffers.Binary;
using System.Diagnostics;
using System.Security.Cryptography;
using Osv.Data.Tenants;

namespace Osv.Web.Gateway;

/// <summary>
/// The trace of one start: from the placement to the first report that the partition runs. Its ids follow from tenant and fence, so every replica,
/// the scheduler and the agent can name it without handing it on.
/// </summary>
internal static class StartTrace
{
    /// <summary>W3C trace context.</summary>
    public static string ParentOf(Guid tenant, long fence)
    {
        ActivityContext context = ContextOf(tenant, fence);
        return $"00-{context.TraceId}-{context.SpanId}-01";
    }

    public static ActivityContext ContextOf(Guid tenant, long fence)
    {
        Span<byte> name = stackalloc byte[24];
        tenant.TryWriteBytes(name);
        BinaryPrimitives.WriteInt64LittleEndian(name[16..], fence);
        byte[] hash = SHA256.HashData(name);
        return new ActivityContext(ActivityTraceId.CreateFromBytes(hash.AsSpan(0, 16)), ActivitySpanId.CreateFromBytes(hash.AsSpan(16, 8)), ActivityTraceFlags.Recorded, isRemote: true);
    }

    /// <summary>A report says that a start has come to a phase: the time since the one before is a span.</summary>
    public static void Reached(Guid tenant, PlacedTenant placed, string node, PartitionPhase phase, DateTimeOffset since, DateTimeOffset now)
    {
        using Activity? span = GatewayMetrics.Source.StartActivity($"tenant start: until {phase}", ActivityKind.Internal, ContextOf(tenant, placed.Fence), startTime: since);
        if (span is null) return;
        span.SetTag("osv.tenant", tenant).SetTag("osv.node", node).SetTag("osv.fence", placed.Fence).SetEndTime(now.UtcDateTime);
    }
}
