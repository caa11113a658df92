using Microsoft.Net.Http.Headers;
using Npgsql;
using Osv.Data.Images;

namespace Osv.Web.Boot;

/// <summary>Sends kernels and initial RAM disks of tenants to the node that they are placed on, whole or from where a download broke off.</summary>
internal sealed class TenantArtifacts(NpgsqlDataSource source, ArtifactLinks links, ILogger<TenantArtifacts> log)
{
    private const string Uses =
        """
        SELECT 1 FROM placements p JOIN tenants t ON t.id = p.tenant_id JOIN images i ON i.id = t.image_id
        WHERE p.tenant_id = $1 AND p.fence = $2 AND (i.kernel_sha256 = $3 OR i.initrd_sha256 = $3)
        """;

    public async Task SendAsync(HttpContext context, string sha256, Guid tenant, long fence, string signature)
    {
        CancellationToken cancel = context.RequestAborted;
        // One answer for all that is wrong: whoever has no good link learns nothing.
        if (sha256.Length != 64 || !sha256.All(char.IsAsciiHexDigitLower) || !await links.IsGoodAsync(sha256, tenant, fence, signature, cancel)
            || Convert.FromHexString(sha256) is var hash && !await IsUsedAsync(tenant, fence, hash, cancel)
            || await ContentStore.SizeAsync(source, hash, cancel) is not { } size)
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }
        if (Range(context.Request, size) is not var (from, length))
        {
            context.Response.StatusCode = StatusCodes.Status416RangeNotSatisfiable;
            context.Response.Headers.ContentRange = new ContentRangeHeaderValue(size).ToString();
            return;
        }
        context.Response.StatusCode = length == size ? StatusCodes.Status200OK : StatusCodes.Status206PartialContent;
        context.Response.ContentType = "application/octet-stream";
        context.Response.ContentLength = length;
        context.Response.Headers.AcceptRanges = "bytes";
        if (length != size) context.Response.Headers.ContentRange = new ContentRangeHeaderValue(from, from + length - 1, size).ToString();
        if (HttpMethods.IsHead(context.Request.Method)) return;
        try
        {
            await ContentStore.CopyPartAsync(source, hash, from, length, context.Response.Body, cancel);
        }
        catch (Exception error) when (error is InvalidDataException or NpgsqlException)
        {
            log.ContentFailed(error.Message);
            context.Abort();
        }
    }

    private async Task<bool> IsUsedAsync(Guid tenant, long fence, byte[] hash, CancellationToken cancel)
    {
        await using NpgsqlCommand command = source.CreateCommand(Uses);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = tenant });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = fence });
        command.Parameters.Add(new NpgsqlParameter<byte[]> { TypedValue = hash });
        return await command.ExecuteScalarAsync(cancel) is not null;
    }

    /// <summary>The stretch that is asked for; several at once are answered with all of it, as RFC 9110, 14.2 allows.</summary>
    /// <returns>Null: there is no such stretch.</returns>
    private static (long From, long Length)? Range(HttpRequest request, long size)
    {
        if (request.GetTypedHeaders().Range is not { Unit.Value: "bytes", Ranges: { Count: 1 } ranges }) return (0, size);
        RangeItemHeaderValue range = ranges.First();
        long from = range.From ?? Math.Max(0, size - range.To!.Value), to = range.From is null ? size - 1 : Math.Min(range.To ?? size - 1, size - 1);
        return from >= size || to < from ? null : (from, to - from + 1);
    }
}
