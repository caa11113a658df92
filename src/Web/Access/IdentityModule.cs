using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Identity;
using Osv.Data;
using Osv.Data.Access;
using Osv.Web.Hosting;

namespace Osv.Web.Access;

/// <summary>Who asks: sessions, tokens, policies. It answers nothing itself.</summary>
internal sealed class IdentityModule : IModule
{
    /// <summary>The scheme that looks at a request and chooses between token and session.</summary>
    private const string Chooser = "osv";

    public void AddServices(WebApplicationBuilder builder)
    {
        IServiceCollection services = builder.Services;
        services.AddAuthentication(Chooser)
            .AddPolicyScheme(Chooser, null, options => options.ForwardDefaultSelector = context =>
                context.Request.Headers.ContainsKey("Authorization") ? TokenAuthentication.SchemeName : IdentityConstants.ApplicationScheme)
            .AddScheme<Microsoft.AspNetCore.Authentication.AuthenticationSchemeOptions, TokenAuthentication>(TokenAuthentication.SchemeName, null)
            .AddIdentityCookies();
        services.AddIdentityCore<OsvUser>(options =>
            {
                options.Password.RequiredLength = 12;
                // Length is what counts; rules about kinds of characters make people write passwords down.
                options.Password.RequireDigit = options.Password.RequireLowercase = options.Password.RequireUppercase = options.Password.RequireNonAlphanumeric = false;
                options.Password.RequiredUniqueChars = 6;
                options.Lockout.MaxFailedAccessAttempts = 10;
                options.Lockout.DefaultLockoutTimeSpan = TimeSpan.FromMinutes(5);
                options.User.RequireUniqueEmail = false;
                options.User.AllowedUserNameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._@";
            })
            .AddEntityFrameworkStores<OsvDbContext>()
            .AddClaimsPrincipalFactory<SessionClaims>()
            .AddSignInManager();
        services.ConfigureApplicationCookie(Session);
        services.Configure<SecurityStampValidatorOptions>(options => options.ValidationInterval = TimeSpan.FromMinutes(1));
        services.AddAuthorizationBuilder()
            .SetFallbackPolicy(new AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build())
            .AddPolicy(AccessRuleEndpoints.Operator, policy => policy.RequireAuthenticatedUser().AddRequirements(new AccessRule(Scopes.All, SiteRole.Operator)))
            .AddPolicy(AccessRuleEndpoints.Administrator, policy => policy.RequireAuthenticatedUser().AddRequirements(new AccessRule(Scopes.All, SiteRole.Administrator)));
        services.AddSingleton<IAuthorizationHandler, AccessRuleHandler>();
        services.AddAntiforgery(options =>
        {
            options.HeaderName = CookieAntiforgery.Header;
            options.Cookie.Name = "osv-antiforgery";
            options.Cookie.SameSite = SameSiteMode.Strict;
            options.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
        });
        if (builder.Configuration["Osv:KeyFolder"] is { Length: > 0 } keys)
        {
            services.AddDataProtection().SetApplicationName("osv").PersistKeysToFileSystem(new DirectoryInfo(keys));
        }
        services.AddSingleton<CallerLoader>();
    }

    public void Map(IEndpointRouteBuilder site, RouteGroupBuilder api)
    {
    }

    private static void Session(CookieAuthenticationOptions options)
    {
        options.Cookie.Name = "osv-session";
        options.Cookie.HttpOnly = true;
        // Lax: a deep link from a mail must find the session; changes are guarded by the antiforgery token.
        options.Cookie.SameSite = SameSiteMode.Lax;
        options.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
        options.ExpireTimeSpan = TimeSpan.FromHours(8);
        options.SlidingExpiration = true;
        options.LoginPath = SessionEndpoints.SignInPath;
        options.ReturnUrlParameter = "returnUrl";
        options.Events.OnRedirectToLogin = context => Answer(context, StatusCodes.Status401Unauthorized);
        options.Events.OnRedirectToAccessDenied = context => Answer(context, StatusCodes.Status403Forbidden);
    }

    /// <summary>A program gets a status; a person is led to the sign-in page.</summary>
    private static Task Answer(Microsoft.AspNetCore.Authentication.RedirectContext<CookieAuthenticationOptions> context, int status)
    {
        bool page = context.Request.Headers.Accept.ToString().Contains("text/html", StringComparison.Ordinal) && !context.Request.Path.StartsWithSegments("/api");
        if (page && status == StatusCodes.Status401Unauthorized) context.Response.Redirect(context.RedirectUri);
        else context.Response.StatusCode = status;
        return Task.CompletedTask;
    }
}
