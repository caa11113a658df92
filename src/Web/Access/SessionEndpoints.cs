using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Mvc;
using Osv.Data.Access;
using SignInResult = Microsoft.AspNetCore.Identity.SignInResult;
using Osv.Web.Audit;
using Osv.Web.Hosting;

namespace Osv.Web.Access;

/// <summary>Begin and end of a session of the console. Forms post here, because a circuit cannot set a cookie.</summary>
internal static class SessionEndpoints
{
    public const string SignInPath = "/sign-in";

    public static void Map(RouteGroupBuilder api, IConfiguration configuration)
    {
        RouteGroupBuilder site = api.MapGroup("/session").WithTags("Access").ExcludeFromDescription();
        site.MapPost("", SignInAsync).AllowAnonymous().RequireRateLimiting(RequestLimits.SignIn).WithName("SignIn");
        site.MapPost("/end", SignOutAsync).AllowAnonymous().WithName("SignOut");
        site.MapGet("/antiforgery", (Caller _, HttpContext context, IAntiforgery antiforgery) => new AntiforgeryView(antiforgery.GetAndStoreTokens(context).RequestToken!))
            .Allow(Scopes.All).WithName("Antiforgery");
        ExternalSignIn.Map(site, configuration);
    }

    /// <summary>Only a path of this site: a form must not lead elsewhere.</summary>
    public static string LocalPath(string? path) => path is ['/', not ('/' or '\\'), ..] ? path : "/";

    private static async Task<IResult> SignInAsync(
        [FromForm] string? userName, [FromForm] string? password, [FromForm] string? returnUrl, SignInManager<OsvUser> signIn, AuditTrail audit, CancellationToken cancel)
    {
        SignInResult result = await signIn.PasswordSignInAsync(userName ?? "", password ?? "", isPersistent: false, lockoutOnFailure: true);
        string back = LocalPath(returnUrl);
        await audit.RecordAsync(result.Succeeded ? userName! : "anonymous", result.Succeeded ? "session.begin" : "session.refuse", AuditTrail.Shorten(userName ?? ""), null, new { result = result.ToString() }, cancel);
        return result.Succeeded
            ? Results.LocalRedirect(back)
            : Results.LocalRedirect($"{SignInPath}?failed={(result.IsLockedOut ? "locked" : "password")}&returnUrl={Uri.EscapeDataString(back)}");
    }

    private static async Task<IResult> SignOutAsync([FromForm] string? everywhere, HttpContext context, SignInManager<OsvUser> signIn, AuditTrail audit, CancellationToken cancel)
    {
        if (context.FindCaller() is { } caller)
        {
            if (everywhere is not null && await signIn.UserManager.FindByIdAsync(caller.UserId.ToString()) is { } user) await signIn.UserManager.UpdateSecurityStampAsync(user);
            await audit.RecordAsync(caller.Actor, "session.end", caller.UserName, null, new { everywhere = everywhere is not null }, cancel);
        }
        await signIn.SignOutAsync();
        return Results.LocalRedirect(SignInPath);
    }
}

/// <param name="Token">To be sent back in the header <see cref="CookieAntiforgery.Header"/>.</param>
internal sealed record AntiforgeryView(string Token);
