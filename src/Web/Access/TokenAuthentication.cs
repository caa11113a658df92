using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Osv.Data;
using Osv.Data.Access;

namespace Osv.Web.Access;

/// <summary>Accepts 'Authorization: Bearer osv_...'. The database knows only the SHA-256 of a token: 32 random bytes need no slow hash.</summary>
internal sealed class TokenAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logging, UrlEncoder encoder, IDbContextFactory<OsvDbContext> contexts, CallerLoader callers, TimeProvider time)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logging, encoder)
{
    public const string SchemeName = "ApiToken";
    private const string Prefix = "osv_", Bearer = "Bearer ";

    /// <summary>How exactly the last use is kept; finer would cost a write for each request.</summary>
    private static readonly TimeSpan LastUsedGrain = TimeSpan.FromMinutes(1);

    public static string NewToken() => Prefix + WebEncoders.Base64UrlEncode(RandomNumberGenerator.GetBytes(32));

    public static byte[] Hash(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        string? header = Request.Headers.Authorization;
        if (header is null || !header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)) return AuthenticateResult.NoResult();
        byte[] hash = Hash(header[Bearer.Length..].Trim());
        if (await callers.LoadAsync(hash, Context.RequestAborted) is not (ApiToken token, Caller caller)) return AuthenticateResult.Fail("the token is unknown, revoked or expired, or its account is disabled");
        DateTimeOffset now = time.GetUtcNow();
        if (token.LastUsedAt is not { } used || now - used > LastUsedGrain)
        {
            await using OsvDbContext data = await contexts.CreateDbContextAsync(Context.RequestAborted);
            await data.ApiTokens.Where(row => row.Id == token.Id).ExecuteUpdateAsync(row => row.SetProperty(t => t.LastUsedAt, now), Context.RequestAborted);
        }
        Context.Features.Set(caller);
        var identity = new ClaimsIdentity([new Claim(ClaimTypes.NameIdentifier, token.UserId.ToString())], SchemeName);
        return AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), SchemeName));
    }
}
