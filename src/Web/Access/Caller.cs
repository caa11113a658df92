using Osv.Data.Access;
using Osv.Data.Projects;
using Osv.Web.Hosting;

namespace Osv.Web.Access;

/// <summary>Who asks, with the rights they have now: read from the database for each request, so that a right taken away is gone at once.</summary>
/// <param name="UserId">Of the user, also where a token speaks for them.</param>
/// <param name="UserName">Name of the user.</param>
/// <param name="SiteRole">Rights beyond projects.</param>
/// <param name="Projects">Rights as a member.</param>
/// <param name="Token">The API token that speaks; null: the user themself.</param>
public sealed record Caller(Guid UserId, string UserName, SiteRole SiteRole, IReadOnlyDictionary<Guid, ProjectRole> Projects, CallerToken? Token)
{
    /// <summary>As the audit log names them.</summary>
    public string Actor => Token is null ? UserName : $"{UserName} (token {Token.Name})";

    /// <summary>A token for one project has no rights beyond it, whoever made it.</summary>
    public bool Has(SiteRole role) => (Token?.ProjectId is null ? SiteRole : SiteRole.None) >= role;

    public bool HasScope(string scope) => Token is null || Token.Scopes.Contains(Scopes.All) || Token.Scopes.Contains(scope);

    /// <summary>The role in a project; null: the caller may not know that it exists.</summary>
    public ProjectRole? RoleIn(Guid project)
    {
        if (Token?.ProjectId is { } only && only != project) return null;
        if (SiteRole == SiteRole.Administrator) return ProjectRole.Owner;
        if (Projects.TryGetValue(project, out ProjectRole role)) return role;
        return Has(SiteRole.Operator) ? ProjectRole.Viewer : null;
    }

    /// <summary>True where <see cref="RoleIn"/> is at least viewer in every project.</summary>
    public bool SeesAllProjects => Has(SiteRole.Operator);

    /// <summary>The projects whose objects the caller may see; meaningless where <see cref="SeesAllProjects"/>.</summary>
    public Guid[] VisibleProjects => Token?.ProjectId is { } only
        ? RoleIn(only) is null ? [] : [only]
        : [.. Projects.Keys];

    /// <summary>Refuses with 404 who may not see the project, and with 403 who may see but not do this.</summary>
    /// <param name="project">Id of the project.</param>
    /// <param name="least">Role that the act needs.</param>
    /// <param name="kind">What the caller named, as in "tenant".</param>
    /// <param name="name">The name they used.</param>
    public void Require(Guid project, ProjectRole least, string kind, string name)
    {
        ProjectRole role = RoleIn(project) ?? throw RefusalException.NotFound(kind, name);
        if (role < least) throw RefusalException.Forbidden($"you are {role.ToString().ToLowerInvariant()} in the project of {kind} '{name}' and this needs {least.ToString().ToLowerInvariant()}: ask an owner of the project");
    }

    public void Require(SiteRole least)
    {
        if (!Has(least)) throw RefusalException.Forbidden($"this needs the role {least.ToString().ToLowerInvariant()}: ask an administrator");
    }

    /// <summary>Lets endpoints take the caller as a parameter.</summary>
    public static ValueTask<Caller?> BindAsync(HttpContext context) =>
        ValueTask.FromResult<Caller?>(context.FindCaller() ?? throw new RefusalException(StatusCodes.Status401Unauthorized, "sign in, or send a valid API token"));
}

/// <summary>What an API token allows.</summary>
/// <param name="Id">Of the token.</param>
/// <param name="Name">Given by its maker.</param>
/// <param name="Scopes">What it may be used for.</param>
/// <param name="ProjectId">Null: all projects of the user.</param>
public sealed record CallerToken(Guid Id, string Name, IReadOnlySet<string> Scopes, Guid? ProjectId);
