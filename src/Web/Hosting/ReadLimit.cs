using System.Threading.RateLimiting;

namespace Osv.Web.Hosting;

/// <summary>
/// How many reads of the API are worked on at a time; the others wait in order. All share the connections and processors that heartbeats and placements
/// need, too: programs that read more than there is room for must wait for each other, not nodes and tenants for them.
/// Streams and terminals count only until they begin. Configuration Osv:Limits.
/// </summary>
internal sealed class ReadLimit : IDisposable
{
    private readonly ConcurrencyLimiter _limiter;

    public ReadLimit(IConfiguration configuration)
    {
        int most = configuration.GetValue("Osv:Limits:ConcurrentReads", 4 * Environment.ProcessorCount), waiting = configuration.GetValue("Osv:Limits:WaitingReads", 1000);
        _limiter = new ConcurrencyLimiter(new ConcurrencyLimiterOptions { PermitLimit = most, QueueLimit = waiting, QueueProcessingOrder = QueueProcessingOrder.OldestFirst });
    }

    /// <summary>Throws <see cref="RefusalException"/> with status 503 when too many wait already.</summary>
    public async ValueTask<IDisposable> EnterAsync(CancellationToken cancel)
    {
        RateLimitLease lease = await _limiter.AcquireAsync(1, cancel);
        if (lease.IsAcquired) return lease;
        lease.Dispose();
        throw new RefusalException(StatusCodes.Status503ServiceUnavailable, $"{_limiter.GetStatistics()?.CurrentQueuedCount} reads wait already: ask again in a moment, and less often") { RetryAfter = TimeSpan.FromSeconds(1) };
    }

    public void Dispose() => _limiter.Dispose();

    internal sealed class Filter(ReadLimit limit) : IEndpointFilter
    {
        public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
        {
            HttpContext http = context.HttpContext;
            if (!(HttpMethods.IsGet(http.Request.Method) || HttpMethods.IsHead(http.Request.Method)) || http.WebSockets.IsWebSocketRequest) return await next(context);
            using IDisposable _ = await limit.EnterAsync(http.RequestAborted);
            return await next(context);
        }
    }
}
