using System.Security.Claims;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Osv.Data;
using Osv.Data.Access;
using Osv.Data.Projects;

namespace Osv.Web.Access;

/// <summary>Reads the present rights of a principal.</summary>
public sealed class CallerLoader(IDbContextFactory<OsvDbContext> contexts, IOptions<IdentityOptions> options, TimeProvider time)
{
    /// <returns>Null: not signed in, or the account was disabled, the token revoked, or the session ended by a change of the password or role.</returns>
    public async Task<Caller?> LoadAsync(ClaimsPrincipal principal, CallerToken? token, CancellationToken cancel)
    {
        if (principal.Identity is not { IsAuthenticated: true } || !Guid.TryParse(principal.FindFirstValue(ClaimTypes.NameIdentifier), out Guid id)) return null;
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        var found = await (
            from user in data.Users
            where user.Id == id
            select new { user.UserName, user.SiteRole, user.SecurityStamp, user.LockoutEnd, Memberships = data.ProjectMembers.Where(member => member.UserId == id).ToList() })
            .AsNoTracking().SingleOrDefaultAsync(cancel);
        if (found is null || found.LockoutEnd == Users.Disabled) return null;
        if (token is not null && !await data.ApiTokens.AnyAsync(row => row.Id == token.Id && row.RevokedAt == null && row.ExpiresAt > time.GetUtcNow(), cancel)) return null;
        if (token is null && principal.FindFirstValue(options.Value.ClaimsIdentity.SecurityStampClaimType) != found.SecurityStamp) return null;
        Dictionary<Guid, ProjectRole> projects = found.Memberships.ToDictionary(member => member.ProjectId, member => member.Role);
        return new Caller(id, found.UserName!, found.SiteRole, projects, token);
    }
}

/// <summary>Puts the caller beside the request; a session that ended is no session.</summary>
internal sealed class CallerMiddleware(RequestDelegate next)
{
    public async Task InvokeAsync(HttpContext context, CallerLoader loader)
    {
        if (context.User.Identity is { IsAuthenticated: true })
        {
            var token = context.Features.Get<CallerToken>();
            if (await loader.LoadAsync(context.User, token, context.RequestAborted) is { } caller) context.Features.Set(caller);
            else context.User = new ClaimsPrincipal(new ClaimsIdentity());
        }
        await next(context);
    }
}

internal static class CallerContext
{
    public static Caller? FindCaller(this HttpContext context) => context.Features.Get<Caller>();
}
