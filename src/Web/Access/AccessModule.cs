using Osv.Data.Access;
using Osv.Web.Hosting;

namespace Osv.Web.Access;

/// <summary>Accounts, sign-in and tokens.</summary>
internal sealed class AccessModule : IModule
{
    public void AddServices(WebApplicationBuilder builder)
    {
        builder.Services.AddScoped<Users>();
        builder.Services.AddScoped<Tokens>();
        ExternalSignIn.AddServices(builder);
    }

    public void Map(IEndpointRouteBuilder site, RouteGroupBuilder api)
    {
        RouteGroupBuilder access = api.MapGroup("").WithTags("Access");
        access.MapPost("/login", (Login login, Tokens tokens, CancellationToken cancel) => tokens.LoginAsync(login, cancel))
            .AllowAnonymous().RequireRateLimiting(RequestLimits.SignIn).WithName("Login").WithSummary("Exchange a password for a token that lives 12 hours").ProducesProblem(401);
        access.MapGet("/me", (Caller caller, Users users, CancellationToken cancel) => users.ShowAsync(caller, caller.UserName, cancel))
            .Allow(Scopes.AccessRead).WithName("ShowMe").WithSummary("Who am I");
        access.MapPost("/me/password", async (Caller caller, ChangePassword change, Users users, CancellationToken cancel) =>
            {
                await users.ChangePasswordAsync(caller, change, cancel);
                return TypedResults.NoContent();
            })
            .Allow(Scopes.AccessWrite).RequireRateLimiting(RequestLimits.SignIn).WithName("ChangePassword").WithSummary("Change my password; ends my other sessions");
        access.MapGet("/tokens", (Caller caller, Tokens tokens, CancellationToken cancel) => tokens.ListAsync(caller, cancel))
            .Allow(Scopes.AccessRead).WithName("ListTokens").WithSummary("My tokens, newest first");
        access.MapPost("/tokens", async (Caller caller, CreateToken request, Tokens tokens, CancellationToken cancel) =>
            {
                CreatedToken token = await tokens.CreateAsync(caller, request, cancel);
                return TypedResults.Created($"/api/v1/tokens/{token.Id}", token);
            })
            .Allow(Scopes.AccessWrite).WithName("CreateToken").WithSummary("Make a token; the answer shows it once");
        access.MapDelete("/tokens/{id:guid}", async (Caller caller, Guid id, Tokens tokens, CancellationToken cancel) =>
            {
                await tokens.RevokeAsync(caller, id, cancel);
                return TypedResults.NoContent();
            })
            .Allow(Scopes.AccessWrite).WithName("RevokeToken").WithSummary("Revoke a token of mine");
        access.MapGet("/users", (Caller caller, [AsParameters] PageRequest page, Users users, CancellationToken cancel) => users.ListAsync(caller, page, cancel))
            .Allow(Scopes.AccessRead, SiteRole.Administrator).WithName("ListUsers").WithSummary("All users");
        access.MapPost("/users", async (Caller caller, CreateUser request, Users users, CancellationToken cancel) =>
            {
                UserView user = await users.CreateAsync(caller, request, cancel);
                return TypedResults.Created($"/api/v1/users/{user.Name}", user);
            })
            .Allow(Scopes.AccessWrite, SiteRole.Administrator).Idempotent().WithName("CreateUser").WithSummary("Make a local account");
        access.MapGet("/users/{user}", (Caller caller, string user, Users users, CancellationToken cancel) => users.ShowAsync(caller, user, cancel))
            .Allow(Scopes.AccessRead, SiteRole.Administrator).WithName("ShowUser").WithSummary("One user");
        access.MapPatch("/users/{user}", (Caller caller, string user, UpdateUser request, Users users, CancellationToken cancel) => users.UpdateAsync(caller, user, request, cancel))
            .Allow(Scopes.AccessWrite, SiteRole.Administrator).WithName("UpdateUser").WithSummary("Change role or password of a user, or disable them; ends their sessions");
        SessionEndpoints.Map(api, site.ServiceProvider.GetRequiredService<IConfiguration>());
    }
}
