using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Identity;
using Osv.Data.Access;
using Osv.Web.Audit;

namespace Osv.Web.Access;

/// <summary>Sign-in through an OpenID Connect provider, where configuration Osv:Oidc names one (Authority, ClientId, ClientSecret, CreateUsers).</summary>
internal static class ExternalSignIn
{
    public const string Scheme = "oidc";

    public static bool IsConfigured(IConfiguration configuration) => configuration["Osv:Oidc:Authority"] is { Length: > 0 };

    public static void AddServices(WebApplicationBuilder builder)
    {
        IConfigurationSection section = builder.Configuration.GetSection("Osv:Oidc");
        if (!IsConfigured(builder.Configuration)) return;
        builder.Services.AddAuthentication().AddOpenIdConnect(Scheme, section["DisplayName"] ?? "single sign-on", options =>
        {
            options.Authority = section["Authority"];
            options.ClientId = section["ClientId"] ?? throw new InvalidOperationException("Osv:Oidc:Authority is set and Osv:Oidc:ClientId is not: set both or none");
            options.ClientSecret = section["ClientSecret"];
            options.RequireHttpsMetadata = !new Uri(options.Authority!).IsLoopback;
            options.ResponseType = "code";
            // The answer comes back in the address: no cookie has to be sent along with another site's form.
            options.ResponseMode = "query";
            options.CorrelationCookie.SameSite = options.NonceCookie.SameSite = SameSiteMode.Lax;
            options.CorrelationCookie.SecurePolicy = options.NonceCookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
            // Whatever is wrong with the answer, from a forged token to a code that is used twice, it opens nothing and is no defect of ours.
            options.Events.OnRemoteFailure = async context =>
            {
                await context.HttpContext.RequestServices.GetRequiredService<AuditTrail>()
                    .RecordAsync("anonymous", "session.refuse", Scheme, null, new { reason = AuditTrail.Shorten(context.Failure?.Message ?? "") }, context.HttpContext.RequestAborted);
                context.HandleResponse();
                context.Response.Redirect($"{SessionEndpoints.SignInPath}?failed=external");
            };
            options.UsePkce = true;
            options.SignInScheme = IdentityConstants.ExternalScheme;
            options.MapInboundClaims = false;
            options.TokenValidationParameters.NameClaimType = "preferred_username";
            options.Scope.Add("email");
        });
    }

    public static void Map(RouteGroupBuilder site, IConfiguration configuration)
    {
        if (!IsConfigured(configuration)) return;
        bool create = configuration.GetValue("Osv:Oidc:CreateUsers", false);
        site.MapGet("/external", (string? returnUrl, SignInManager<OsvUser> signIn) =>
        {
            string back = $"/api/v1/session/external/back?returnUrl={Uri.EscapeDataString(SessionEndpoints.LocalPath(returnUrl))}";
            return Results.Challenge(signIn.ConfigureExternalAuthenticationProperties(Scheme, back), [Scheme]);
        }).AllowAnonymous().WithName("ExternalSignIn");
        site.MapGet("/external/back", (string? returnUrl, SignInManager<OsvUser> signIn, AuditTrail audit, TimeProvider time, CancellationToken cancel) =>
            FinishAsync(create, returnUrl, signIn, audit, time, cancel)).AllowAnonymous().WithName("ExternalSignInBack");
    }

    private static async Task<IResult> FinishAsync(bool create, string? returnUrl, SignInManager<OsvUser> signIn, AuditTrail audit, TimeProvider time, CancellationToken cancel)
    {
        if (await signIn.GetExternalLoginInfoAsync() is not { } login) return Results.LocalRedirect($"{SessionEndpoints.SignInPath}?failed=external");
        Microsoft.AspNetCore.Identity.SignInResult result = await signIn.ExternalLoginSignInAsync(login.LoginProvider, login.ProviderKey, isPersistent: false, bypassTwoFactor: true);
        string name = login.Principal.FindFirstValue("preferred_username") ?? login.ProviderKey;
        if (!result.Succeeded && !result.IsLockedOut && create)
        {
            // A new account only: an existing local one is never taken over because of an equal name.
            var user = new OsvUser { Id = Guid.CreateVersion7(), UserName = name, Email = login.Principal.FindFirstValue("email"), CreatedAt = time.GetUtcNow() };
            UserManager<OsvUser> users = signIn.UserManager;
            if ((await users.CreateAsync(user)).Succeeded && (await users.AddLoginAsync(user, login)).Succeeded)
            {
                await audit.RecordAsync(name, "user.create", name, null, new { provider = login.LoginProvider }, cancel);
                await signIn.SignInAsync(user, isPersistent: false, login.LoginProvider);
                result = Microsoft.AspNetCore.Identity.SignInResult.Success;
            }
        }
        await audit.RecordAsync(result.Succeeded ? name : "anonymous", result.Succeeded ? "session.begin" : "session.refuse", AuditTrail.Shorten(name), null, new { provider = login.LoginProvider, result = result.ToString() }, cancel);
        await signIn.Context.SignOutAsync(IdentityConstants.ExternalScheme);
        return Results.LocalRedirect(result.Succeeded ? SessionEndpoints.LocalPath(returnUrl) : $"{SessionEndpoints.SignInPath}?failed=external");
    }
}
