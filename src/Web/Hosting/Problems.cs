using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Osv.Web.Hosting;

/// <summary>Every error of the API is a problem document (RFC 9457); pages of the console get an error page.</summary>
internal static class Problems
{
    public static void AddOsvProblems(this IServiceCollection services)
    {
        services.AddProblemDetails(options => options.CustomizeProblemDetails = context =>
        {
            context.ProblemDetails.Instance = context.HttpContext.Request.Path;
            context.ProblemDetails.Detail ??= context.ProblemDetails.Status switch
            {
                StatusCodes.Status401Unauthorized => "sign in, or send a valid API token as 'Authorization: Bearer osv_...'",
                StatusCodes.Status403Forbidden => "your role or the scopes of your token do not allow this",
                StatusCodes.Status404NotFound => "no such endpoint: /openapi/v1.json describes those there are",
                StatusCodes.Status405MethodNotAllowed => $"{context.HttpContext.Request.Method} is not possible here",
                StatusCodes.Status413PayloadTooLarge => $"the body is larger than {RequestLimits.BodyBytes} bytes",
                StatusCodes.Status415UnsupportedMediaType => "send the body as application/json",
                _ => null,
            };
        });
        services.AddExceptionHandler<Handler>();
        // So that a body that cannot be read is explained, too.
        services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
    }

    public static void UseOsvProblems(this WebApplication app)
    {
        app.UseExceptionHandler(new ExceptionHandlerOptions { SuppressDiagnosticsCallback = context => context.Exception is OperationCanceledException || Explain(context.Exception) is not null });
        app.UseWhen(context => IsApi(context), api => api.UseStatusCodePages());
        app.UseWhen(context => !IsApi(context), pages => pages.UseStatusCodePagesWithReExecute("/not-found", createScopeForStatusCodePages: true));
    }

    private static bool IsApi(HttpContext context) =>
        context.Request.Path.StartsWithSegments("/api") || context.Request.Path.StartsWithSegments("/metrics") || context.Request.Path.StartsWithSegments("/openapi");

    /// <summary>The refusal behind an exception; null for a defect of ours.</summary>
    public static RefusalException? Explain(Exception exception) => exception switch
    {
        RefusalException refusal => refusal,
        BadHttpRequestException { InnerException: JsonException json } => Explain(json),
        BadHttpRequestException bad => new RefusalException(bad.StatusCode, bad.StatusCode == 413 ? $"the body is larger than {RequestLimits.BodyBytes} bytes" : bad.Message),
        DbUpdateConcurrencyException => new RefusalException(StatusCodes.Status412PreconditionFailed, "someone changed it meanwhile: read it again and decide anew"),
        DbUpdateException { InnerException: PostgresException { SqlState: PostgresErrorCodes.UniqueViolation } unique } => RefusalException.Conflict($"that name is taken ({unique.ConstraintName}): choose another"),
        DbUpdateException { InnerException: PostgresException { SqlState: PostgresErrorCodes.ForeignKeyViolation } used } => RefusalException.Conflict($"it is in use ({used.ConstraintName}): delete what uses it first"),
        _ => null,
    };

    private static RefusalException Explain(JsonException json)
    {
        string member = json.Path?.TrimStart('$', '.') ?? "";
        return json.Message.Contains("doesn't allow null", StringComparison.Ordinal)
            ? RefusalException.Invalid(member, $"{member} is null: leave it out, or give a value")
            : RefusalException.Invalid(member, $"the body is not the JSON expected: {FirstSentence(json.Message)}");
    }

    private static string FirstSentence(string message) => message.Split(" Path:")[0];

    private sealed class Handler(IProblemDetailsService problems) : IExceptionHandler
    {
        public async ValueTask<bool> TryHandleAsync(HttpContext context, Exception exception, CancellationToken cancel)
        {
            if (!IsApi(context)) return false;
            RefusalException? refusal = Explain(exception);
            int status = refusal?.Status ?? StatusCodes.Status500InternalServerError;
            context.Response.StatusCode = status;
            if (refusal?.RetryAfter is { } after) context.Response.Headers.RetryAfter = Math.Ceiling(after.TotalSeconds).ToString(CultureInfo.InvariantCulture);
            var document = refusal is { Errors.Count: > 0 }
                ? new HttpValidationProblemDetails(refusal.Errors.ToDictionary()) { Status = status, Title = null }
                : new Microsoft.AspNetCore.Mvc.ProblemDetails { Status = status };
            document.Detail = refusal?.Message ?? "this is a defect of the server; its log has the trace under the traceId given here";
            return await problems.TryWriteAsync(new ProblemDetailsContext { HttpContext = context, ProblemDetails = document, Exception = exception });
        }
    }
}
