using System.Globalization;
using System.Net;
using System.Threading.RateLimiting;
using Osv.Web.Access;

namespace Osv.Web.Hosting;

/// <summary>How much one caller may ask of the server. Configuration Osv:Limits.</summary>
internal static class RequestLimits
{
    /// <summary>Largest body of a request other than an upload.</summary>
    public const long BodyBytes = 1 << 20;

    /// <summary>Policy of the endpoints that take a password.</summary>
    public const string SignIn = "sign-in";

    public static void AddOsvRateLimits(this IServiceCollection services, IConfiguration configuration)
    {
        int perSecond = configuration.GetValue("Osv:Limits:RequestsPerSecond", 100), burst = configuration.GetValue("Osv:Limits:Burst", 500);
        int signIns = configuration.GetValue("Osv:Limits:SignInsPerMinute", 10);
        services.AddRateLimiter(options =>
        {
            options.RejectionStatusCode = StatusCodes.Status429TooManyRequests;
            options.OnRejected = async (context, cancel) =>
            {
                string wait = context.Lease.TryGetMetadata(MetadataName.RetryAfter, out TimeSpan after) ? Math.Ceiling(after.TotalSeconds).ToString(CultureInfo.InvariantCulture) : "1";
                context.HttpContext.Response.Headers.RetryAfter = wait;
                await Results.Problem(statusCode: 429, detail: $"too many requests: wait {wait} s").ExecuteAsync(context.HttpContext);
            };
            options.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(context =>
                context.Request.Path.StartsWithSegments("/api")
                    ? RateLimitPartition.GetTokenBucketLimiter(Who(context), _ => new TokenBucketRateLimiterOptions
                    {
                        TokenLimit = burst, TokensPerPeriod = perSecond, ReplenishmentPeriod = TimeSpan.FromSeconds(1), QueueLimit = 0,
                    })
                    : RateLimitPartition.GetNoLimiter(""));
            options.AddPolicy(SignIn, context => RateLimitPartition.GetFixedWindowLimiter(Address(context), _ => new FixedWindowRateLimiterOptions
            {
                PermitLimit = signIns, Window = TimeSpan.FromMinutes(1), QueueLimit = 0,
            }));
        });
    }

    private static string Who(HttpContext context) => context.FindCaller() is { } caller ? caller.UserId.ToString() : Address(context);

    private static string Address(HttpContext context) => (context.Connection.RemoteIpAddress ?? IPAddress.None).ToString();
}
