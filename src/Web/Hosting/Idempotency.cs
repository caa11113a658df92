using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Osv.Data;
using Osv.Data.Messaging;
using Osv.Web.Access;

namespace Osv.Web.Hosting;

/// <summary>Header Idempotency-Key: a request that is repeated, because its answer was lost, gets the first answer instead of a second effect.</summary>
internal sealed class Idempotency(IDbContextFactory<OsvDbContext> contexts, TimeProvider time)
{
    public const string Header = "Idempotency-Key", Replayed = "Idempotent-Replayed";

    private const int LongestKey = 128;

    private static readonly TimeSpan Kept = TimeSpan.FromDays(1);

    /// <summary>A first request that has no answer after this died with its server.</summary>
    private static readonly TimeSpan UnderWay = TimeSpan.FromMinutes(1);

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext invocation, EndpointFilterDelegate next)
    {
        HttpContext http = invocation.HttpContext;
        string? key = http.Request.Headers[Header];
        if (string.IsNullOrEmpty(key)) return await next(invocation);
        if (key.Length > LongestKey) throw RefusalException.Invalid(Header, $"{Header} has {key.Length} characters: use at most {LongestKey}");
        string scope = $"{http.FindCaller()?.UserId} {http.Request.Method} {http.Request.Path}";
        byte[] request = Hash(invocation);
        if (await BeginAsync(scope, key, request, http.RequestAborted) is { } first)
        {
            if (!first.RequestSha256.AsSpan().SequenceEqual(request)) throw new RefusalException(StatusCodes.Status422UnprocessableEntity, $"{Header} '{key}' was used for another request: choose a new one");
            if (first.ResponseStatus is not { } status) throw RefusalException.Conflict($"the first request with {Header} '{key}' is still under way: ask again in a moment");
            http.Response.Headers[Replayed] = "true";
            return Results.Content(first.ResponseBody, "application/json", Encoding.UTF8, status);
        }
        try
        {
            object? result = await next(invocation);
            (int status, object? value) = result switch
            {
                IStatusCodeHttpResult coded and IValueHttpResult valued => (coded.StatusCode ?? StatusCodes.Status200OK, valued.Value),
                IStatusCodeHttpResult coded => (coded.StatusCode ?? StatusCodes.Status200OK, null),
                _ => (StatusCodes.Status200OK, result),
            };
            await FinishAsync(scope, key, status, value is null ? null : System.Text.Json.JsonSerializer.Serialize(value, value.GetType(), ApiJson.Options));
            return result;
        }
        catch
        {
            // Nothing was done, so the same key may try again.
            await ForgetAsync(scope, key);
            throw;
        }
    }

    /// <returns>Null: this request is the first; else the record of the first.</returns>
    private async Task<IdempotencyKey?> BeginAsync(string scope, string key, byte[] request, CancellationToken cancel)
    {
        DateTimeOffset now = time.GetUtcNow();
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        DateTimeOffset stale = now - UnderWay;
        await data.IdempotencyKeys.Where(row => row.Scope == scope && row.Key == key && (row.ExpiresAt <= now || row.ResponseStatus == null && row.CreatedAt <= stale)).ExecuteDeleteAsync(cancel);
        data.IdempotencyKeys.Add(new IdempotencyKey { Scope = scope, Key = key, RequestSha256 = request, CreatedAt = now, ExpiresAt = now + Kept });
        try
        {
            await data.SaveChangesAsync(cancel);
            return null;
        }
        catch (DbUpdateException taken) when (taken.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation })
        {
            data.ChangeTracker.Clear();
            return await data.IdempotencyKeys.AsNoTracking().SingleOrDefaultAsync(row => row.Scope == scope && row.Key == key, cancel)
                ?? throw RefusalException.Conflict($"the first request with {Header} '{key}' has just failed: ask again");
        }
    }

    private async Task FinishAsync(string scope, string key, int status, string? body)
    {
        await using OsvDbContext data = await contexts.CreateDbContextAsync();
        await data.IdempotencyKeys.Where(row => row.Scope == scope && row.Key == key)
            .ExecuteUpdateAsync(row => row.SetProperty(r => r.ResponseStatus, status).SetProperty(r => r.ResponseBody, body));
    }

    private async Task ForgetAsync(string scope, string key)
    {
        await using OsvDbContext data = await contexts.CreateDbContextAsync();
        await data.IdempotencyKeys.Where(row => row.Scope == scope && row.Key == key && row.ResponseStatus == null).ExecuteDeleteAsync();
    }

    /// <summary>Over what the request says: its query and its body as it was understood.</summary>
    private static byte[] Hash(EndpointFilterInvocationContext invocation)
    {
        var text = new StringBuilder(invocation.HttpContext.Request.QueryString.Value);
        foreach (object? argument in invocation.Arguments)
        {
            if (argument is IRequestBody) text.Append('\n').Append(System.Text.Json.JsonSerializer.Serialize(argument, argument.GetType(), ApiJson.Options));
        }
        return SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString()));
    }
}

/// <summary>Marks the bodies of requests.</summary>
public interface IRequestBody;

internal static class IdempotencyEndpoints
{
    public static RouteHandlerBuilder Idempotent(this RouteHandlerBuilder endpoint) =>
        endpoint.AddEndpointFilter((context, next) => context.HttpContext.RequestServices.GetRequiredService<Idempotency>().InvokeAsync(context, next)).WithMetadata(new IdempotentMetadata());
}

/// <summary>The endpoint honours Idempotency-Key.</summary>
internal sealed record IdempotentMetadata;
