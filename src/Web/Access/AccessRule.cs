using System.Security.Claims;
using Microsoft.AspNetCore.Authorization;
using Osv.Data.Access;
using Osv.Data.Projects;

namespace Osv.Web.Access;

/// <summary>What an endpoint needs. Scope and site role are decided before it runs; the project role by the capability, which knows the project.</summary>
/// <param name="Scope">That a token must have.</param>
/// <param name="SiteRole">Least role beyond projects.</param>
/// <param name="ProjectRole">Least role in the project of the object; null: not about a project.</param>
public sealed record AccessRule(string Scope, SiteRole SiteRole = SiteRole.None, ProjectRole? ProjectRole = null) : IAuthorizationRequirement;

/// <summary>Decides <see cref="AccessRule"/> from the caller's present rights; in a circuit, which has no request, from the claims of its session: that only chooses which pages are offered, what they read and do is decided by present rights again.</summary>
internal sealed class AccessRuleHandler : AuthorizationHandler<AccessRule>
{
    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, AccessRule requirement)
    {
        bool allowed = context.Resource is HttpContext http
            ? http.FindCaller() is { } caller && caller.HasScope(requirement.Scope) && caller.Has(requirement.SiteRole)
            : SiteRoleOf(context.User) >= requirement.SiteRole;
        if (allowed) context.Succeed(requirement);
        return Task.CompletedTask;
    }

    private static SiteRole SiteRoleOf(ClaimsPrincipal user) =>
        Enum.TryParse(user.FindFirstValue(SessionClaims.SiteRole), out SiteRole role) ? role : SiteRole.None;
}

internal static class AccessRuleEndpoints
{
    /// <summary>Names of the policies that pages use.</summary>
    public const string Operator = "operator", Administrator = "administrator";

    public static TBuilder Allow<TBuilder>(this TBuilder endpoint, string scope, SiteRole siteRole = SiteRole.None, ProjectRole? projectRole = null)
        where TBuilder : IEndpointConventionBuilder
    {
        var rule = new AccessRule(scope, siteRole, projectRole);
        return endpoint.RequireAuthorization(policy => policy.RequireAuthenticatedUser().AddRequirements(rule)).WithMetadata(rule);
    }

    public static TBuilder Allow<TBuilder>(this TBuilder endpoint, string scope, ProjectRole projectRole)
        where TBuilder : IEndpointConventionBuilder => endpoint.Allow(scope, SiteRole.None, projectRole);
}
