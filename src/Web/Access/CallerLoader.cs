using System.Collections.Frozen;
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
    /// <summary>Everything that a token says of who asks, with one query: programs ask often.</summary>
    private static readonly Func<OsvDbContext, byte[], Task<TokenRow?>> ByToken = EF.CompileAsyncQuery((OsvDbContext data, byte[] hash) => (
        from token in data.ApiTokens.AsNoTracking()
        join user in data.Users on token.UserId equals user.Id
        where token.TokenSha256 == hash
        select new TokenRow
        {
            Token = token, UserName = user.UserName!, SiteRole = user.SiteRole, LockoutEnd = user.LockoutEnd,
            Memberships = data.ProjectMembers.Where(member => member.UserId == user.Id).Select(member => new Membership(member.ProjectId, member.Role)).ToList(),
        }).SingleOrDefault());

    /// <summary>Reads a token by the hash of its secret, and the present rights of its user.</summary>
    /// <returns>Null: there is none. The caller is null where the token was revoked or has expired, or the account was disabled.</returns>
    internal async Task<(ApiToken Token, Caller? Caller)?> LoadAsync(byte[] tokenSha256, CancellationToken cancel)
    {
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        if (await ByToken(data, tokenSha256) is not { } row) return null;
        ApiToken token = row.Token;
        if (token.RevokedAt is not null || token.ExpiresAt <= time.GetUtcNow() || row.LockoutEnd == Users.Disabled) return (token, null);
        var caller = new Caller(token.UserId, row.UserName, row.SiteRole, row.Memberships.ToDictionary(member => member.Project, member => member.Role), new CallerToken(token.Id, token.Name, token.Scopes.ToFrozenSet(), token.ProjectId));
        return (token, caller);
    }

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

    private sealed record Membership(Guid Project, ProjectRole Role);

    private sealed class TokenRow
    {
        public required ApiToken Token { get; init; }

        public required string UserName { get; init; }

        public SiteRole SiteRole { get; init; }

        public DateTimeOffset? LockoutEnd { get; init; }

        public required List<Membership> Memberships { get; init; }
    }
}

/// <summary>Puts the caller beside the request; a session that ended is no session.</summary>
internal sealed class CallerMiddleware(RequestDelegate next)
{
    public async Task InvokeAsync(HttpContext context, CallerLoader loader)
    {
        // With a token the caller was read with it, a moment ago.
        if (context.User.Identity is { IsAuthenticated: true } && context.FindCaller() is null)
        {
            if (await loader.LoadAsync(context.User, null, context.RequestAborted) is { } caller) context.Features.Set(caller);
            else context.User = new ClaimsPrincipal(new ClaimsIdentity());
        }
        await next(context);
    }
}

internal static class CallerContext
{
    public static Caller? FindCaller(this HttpContext context) => context.Features.Get<Caller>();
}
