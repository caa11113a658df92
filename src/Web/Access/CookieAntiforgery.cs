using Microsoft.AspNetCore.Antiforgery;
using Osv.Web.Hosting;

namespace Osv.Web.Access;

/// <summary>A change asked for with a cookie must also show the antiforgery token; one asked for with an API token need not, since no browser sends that by itself.</summary>
internal sealed class CookieAntiforgery(IAntiforgery antiforgery) : IEndpointFilter
{
    /// <summary>Header in which scripts send the token.</summary>
    public const string Header = "X-Osv-Antiforgery";

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        HttpContext http = context.HttpContext;
        bool changes = !HttpMethods.IsGet(http.Request.Method) && !HttpMethods.IsHead(http.Request.Method);
        // Forms show it in a field, which is checked when the form is read.
        bool form = http.GetEndpoint()?.Metadata.GetMetadata<IAntiforgeryMetadata>() is { RequiresValidation: true };
        if (changes && !form && http.FindCaller() is { Token: null })
        {
            // Looked at first, because the framework would search a body of any size for it.
            bool shown = http.Request.Headers.ContainsKey(Header);
            if (!shown || !await antiforgery.IsRequestValidAsync(http)) throw new RefusalException(StatusCodes.Status400BadRequest, $"a change with a session cookie needs the header {Header}: use an API token instead");
        }
        return await next(context);
    }
}
