using System.Security.Claims;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;
using Osv.Data.Access;

namespace Osv.Web.Access;

/// <summary>What the session cookie says beside the name.</summary>
internal sealed class SessionClaims(UserManager<OsvUser> users, IOptions<IdentityOptions> options) : UserClaimsPrincipalFactory<OsvUser>(users, options)
{
    public const string SiteRole = "osv:site-role";

    protected override async Task<ClaimsIdentity> GenerateClaimsAsync(OsvUser user)
    {
        ClaimsIdentity identity = await base.GenerateClaimsAsync(user);
        identity.AddClaim(new Claim(SiteRole, user.SiteRole.ToString()));
        return identity;
    }
}
