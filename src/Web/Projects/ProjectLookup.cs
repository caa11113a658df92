using Microsoft.EntityFrameworkCore;
using Osv.Data;
using Osv.Data.Projects;
using Osv.Web.Access;
using Osv.Web.Hosting;

namespace Osv.Web.Projects;

/// <summary>Finds projects by name or id, as far as the caller may know them.</summary>
public sealed class ProjectLookup(IDbContextFactory<OsvDbContext> contexts)
{
    /// <param name="caller">Who asks.</param>
    /// <param name="project">Name or id; null: the only one the caller is in, else the one called default.</param>
    /// <param name="least">Role needed in it.</param>
    /// <param name="cancel">Ends the search.</param>
    public async Task<Project> FindAsync(Caller caller, string? project, ProjectRole least, CancellationToken cancel)
    {
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        if (project is null && caller.VisibleProjects is [var only])
        {
            caller.Require(only, least, "project", only.ToString());
            return await data.Projects.AsNoTracking().SingleAsync(row => row.Id == only, cancel);
        }
        string name = project ?? FirstAdministrator.DefaultProject;
        bool isId = Guid.TryParse(name, out Guid id);
        Project found = await data.Projects.AsNoTracking().SingleOrDefaultAsync(row => isId ? row.Id == id : row.Name == name, cancel) ?? throw RefusalException.NotFound("project", name);
        caller.Require(found.Id, least, "project", name);
        return found;
    }

    /// <summary>The projects that a list may draw from: the one named, or all that the caller may see (null: every project).</summary>
    public async Task<Guid[]?> ScopeAsync(Caller caller, string? project, CancellationToken cancel) =>
        project is not null ? [(await FindAsync(caller, project, ProjectRole.Viewer, cancel)).Id]
        : caller.SeesAllProjects ? null
        : caller.VisibleProjects;
}
