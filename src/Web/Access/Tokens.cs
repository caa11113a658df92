using FluentValidation;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Osv.Data;
using Osv.Data.Access;
using Osv.Web.Audit;
using Osv.Web.Hosting;
using Osv.Web.Projects;

namespace Osv.Web.Access;

public sealed record TokenView(Guid Id, string Name, string? Project, IReadOnlyList<string> Scopes, DateTimeOffset CreatedAt, DateTimeOffset ExpiresAt, DateTimeOffset? LastUsedAt, DateTimeOffset? RevokedAt);

/// <param name="Name">For people.</param>
/// <param name="Project">Null: all projects of the user.</param>
/// <param name="Scopes">What it may be used for; "*" for everything.</param>
/// <param name="ExpiresInDays">1 to 366.</param>
public sealed record CreateToken(string Name, string? Project, IReadOnlyList<string> Scopes, int ExpiresInDays = 90) : IRequestBody;

/// <param name="Token">The secret; shown this once.</param>
public sealed record CreatedToken(Guid Id, string Name, string Token, DateTimeOffset ExpiresAt);

public sealed record Login(string UserName, string Password);

internal sealed class CreateTokenValidator : AbstractValidator<CreateToken>
{
    public CreateTokenValidator()
    {
        RuleFor(token => token.Name).IsName(64);
        RuleFor(token => token.ExpiresInDays).InclusiveBetween(1, 366);
        RuleFor(token => token.Scopes).NotEmpty().WithMessage("name at least one scope, or \"*\" for all");
        RuleForEach(token => token.Scopes).Must(Scopes.Known.Contains).WithMessage($"'{{PropertyValue}}' is no scope: use some of {string.Join(", ", Scopes.Known)}");
    }
}

/// <summary>Tokens for programs.</summary>
public sealed class Tokens(OsvDbContext data, ProjectLookup projects, SignInManager<OsvUser> signIn, AuditTrail audit, TimeProvider time)
{
    /// <summary>Life of a token that a password was exchanged for.</summary>
    private static readonly TimeSpan LoginLife = TimeSpan.FromHours(12);

    public async Task<IReadOnlyList<TokenView>> ListAsync(Caller caller, CancellationToken cancel) =>
        await (
            from token in data.ApiTokens.AsNoTracking()
            where token.UserId == caller.UserId
            join project in data.Projects on token.ProjectId equals (Guid?)project.Id into found
            from project in found.DefaultIfEmpty()
            orderby token.CreatedAt descending
            select new TokenView(token.Id, token.Name, project == null ? null : project.Name, token.Scopes, token.CreatedAt, token.ExpiresAt, token.LastUsedAt, token.RevokedAt))
            .Take(PageRequest.Largest).ToListAsync(cancel);

    public async Task<CreatedToken> CreateAsync(Caller caller, CreateToken request, CancellationToken cancel)
    {
        new CreateTokenValidator().Check(request);
        if (caller.Token is { } own && request.Scopes.Any(scope => !caller.HasScope(scope)))
        {
            throw RefusalException.Forbidden($"token '{own.Name}' cannot make one that may do more than itself");
        }
        Guid? project = request.Project is null ? caller.Token?.ProjectId : (await projects.FindAsync(caller, request.Project, Data.Projects.ProjectRole.Viewer, cancel)).Id;
        return await AddAsync(caller.UserId, caller.Actor, request.Name, project, request.Scopes, TimeSpan.FromDays(request.ExpiresInDays), cancel);
    }

    public async Task RevokeAsync(Caller caller, Guid id, CancellationToken cancel)
    {
        ApiToken token = await data.ApiTokens.SingleOrDefaultAsync(row => row.Id == id && row.UserId == caller.UserId, cancel) ?? throw RefusalException.NotFound("token", id.ToString());
        token.RevokedAt ??= time.GetUtcNow();
        await audit.SaveAsync(data, caller.Actor, "token.revoke", token.Name, token.ProjectId, new { id }, cancel);
    }

    /// <summary>Exchanges a password for a token that lives a working day, as the command line does.</summary>
    public async Task<CreatedToken> LoginAsync(Login request, CancellationToken cancel)
    {
        if (request.UserName is null || request.Password is null) throw RefusalException.Invalid(request.UserName is null ? "userName" : "password", "give userName and password");
        OsvUser? user = await signIn.UserManager.FindByNameAsync(request.UserName);
        SignInResult result = user is null ? SignInResult.Failed : await signIn.CheckPasswordSignInAsync(user, request.Password, lockoutOnFailure: true);
        if (!result.Succeeded)
        {
            await audit.RecordAsync("anonymous", "session.refuse", AuditTrail.Shorten(request.UserName), null, new { result = result.ToString() }, cancel);
            throw new RefusalException(StatusCodes.Status401Unauthorized, result.IsLockedOut ? "the account is locked for a while: wait, or ask an administrator" : "user name or password is wrong");
        }
        return await AddAsync(user!.Id, user.UserName!, "login", null, [Scopes.All], LoginLife, cancel);
    }

    private async Task<CreatedToken> AddAsync(Guid user, string actor, string name, Guid? project, IReadOnlyList<string> scopes, TimeSpan life, CancellationToken cancel)
    {
        string secret = TokenAuthentication.NewToken();
        DateTimeOffset now = time.GetUtcNow();
        var token = new ApiToken
        {
            Id = Guid.CreateVersion7(), UserId = user, ProjectId = project, Name = name, TokenSha256 = TokenAuthentication.Hash(secret), Scopes = [.. scopes.Distinct()],
            CreatedAt = now, ExpiresAt = now + life,
        };
        data.ApiTokens.Add(token);
        await audit.SaveAsync(data, actor, "token.create", name, project, new { token.Id, scopes, token.ExpiresAt }, cancel);
        return new CreatedToken(token.Id, name, secret, token.ExpiresAt);
    }
}
