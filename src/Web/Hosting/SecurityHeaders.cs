namespace Osv.Web.Hosting;

/// <summary>Headers of every answer. Everything comes from this site: no script, font or picture from outside, no frame around us.</summary>
internal sealed class SecurityHeaders(RequestDelegate next)
{
    // MudBlazor and uPlot set style attributes, which a policy can only allow as a whole; scripts are files only.
    private const string Policy =
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";

    public Task InvokeAsync(HttpContext context)
    {
        IHeaderDictionary headers = context.Response.Headers;
        // The page of the API reference starts itself with a script in the page; it shows nothing but our own document.
        headers.ContentSecurityPolicy = context.Request.Path.StartsWithSegments("/docs") ? Policy.Replace("script-src 'self'", "script-src 'self' 'unsafe-inline'", StringComparison.Ordinal) : Policy;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        if (context.Request.Path.StartsWithSegments("/api")) headers.CacheControl = "no-store";
        return next(context);
    }
}
