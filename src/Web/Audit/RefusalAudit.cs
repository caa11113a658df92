using Osv.Web.Access;
using Osv.Web.Hosting;

namespace Osv.Web.Audit;

/// <summary>
/// A change that was refused to someone is an entry too, whatever was wrong with it. Requests without any credential are left out: anyone could fill
/// the log with them. Those beyond the rate limit are counted, not written.
/// </summary>
internal sealed class RefusalAudit(RequestDelegate next)
{
    public async Task InvokeAsync(HttpContext context, AuditTrail audit)
    {
        if (HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method) || !context.Request.Path.StartsWithSegments("/api"))
        {
            await next(context);
            return;
        }
        try
        {
            await next(context);
        }
        catch (Exception failed) when (Problems.Explain(failed) is { } refusal)
        {
            await RecordAsync(context, audit, refusal.Status, refusal.Message);
            throw;
        }
        await RecordAsync(context, audit, context.Response.StatusCode, null);
    }

    private static async Task RecordAsync(HttpContext context, AuditTrail audit, int status, string? reason)
    {
        bool refused = status is >= 400 and < 500 and not StatusCodes.Status429TooManyRequests;
        string? actor = context.FindCaller()?.Actor ?? (context.Request.Headers.ContainsKey("Authorization") ? "unknown token" : null);
        if (!refused || actor is null) return;
        await audit.RecordAsync(actor, "request.refuse", AuditTrail.Shorten($"{context.Request.Method} {context.Request.Path}"), null, new { status, reason = reason is null ? null : AuditTrail.Shorten(reason) }, CancellationToken.None);
    }
}
