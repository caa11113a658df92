using Microsoft.EntityFrameworkCore;
using Osv.Data;
using Osv.Data.Access;
using Osv.Data.Images;
using Osv.Data.Projects;
using Osv.Web.Access;
using Osv.Web.Audit;
using Osv.Web.Hosting;
using Osv.Web.Projects;

namespace Osv.Web.Images;

/// <param name="Project">Null: every project may use it.</param>
/// <param name="KernelSha256">Hexadecimal.</param>
/// <param name="InitrdSha256">Hexadecimal; null: none.</param>
/// <param name="Tenants">How many tenants the caller may see boot from it.</param>
public sealed record ImageView(
    Guid Id, string Name, string? Project, string KernelSha256, long KernelBytes, string? InitrdSha256, long? InitrdBytes, string CommandLine, int Tenants, DateTimeOffset CreatedAt);

/// <summary>What tenants boot.</summary>
public sealed class ImageCatalog(IDbContextFactory<OsvDbContext> contexts, ProjectLookup projects, AuditTrail audit, TimeProvider time)
{
    /// <summary>Images of the project or projects the caller may see, and those of all projects.</summary>
    public async Task<Page<ImageView>> ListAsync(Caller caller, string? project, PageRequest page, CancellationToken cancel)
    {
        Guid[]? scope = await projects.ScopeAsync(caller, project, cancel);
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        (string Name, Guid Id) after = page.After<Key>() is { } key ? (key.Name, key.Id) : ("", Guid.Empty);
        List<Row> rows = await Rows(data, data.Images.Where(image => scope == null || image.ProjectId == null || scope.Contains(image.ProjectId.Value)))
            .Where(row => EF.Functions.GreaterThan(ValueTuple.Create(row.Image.Name, row.Image.Id), ValueTuple.Create(after.Name, after.Id)))
            .OrderBy(row => row.Image.Name).ThenBy(row => row.Image.Id).Take(page.Take).ToListAsync(cancel);
        return page.Of(rows.ConvertAll(View), view => new Key(view.Name, view.Id));
    }

    public async Task<(ImageView View, string Tag)> ShowAsync(Caller caller, string image, string? project, CancellationToken cancel)
    {
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        Image found = await FindAsync(data, caller, image, project, cancel);
        Row row = await Rows(data, data.Images.Where(i => i.Id == found.Id)).SingleAsync(cancel);
        return (View(row), ETags.Of(row.Image.RowVersion));
    }

    /// <summary>Registers contents that are stored already under a name.</summary>
    internal async Task<ImageView> AddAsync(Caller caller, Guid? project, string name, Content kernel, Content? initrd, string commandLine, CancellationToken cancel)
    {
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        var image = new Image
        {
            Id = Guid.CreateVersion7(), ProjectId = project, Name = name, KernelSha256 = kernel.Sha256, InitrdSha256 = initrd?.Sha256, CommandLine = commandLine, CreatedAt = time.GetUtcNow(),
        };
        data.Images.Add(image);
        var detail = new { image.Id, kernelSha256 = Convert.ToHexStringLower(kernel.Sha256), initrdSha256 = initrd is null ? null : Convert.ToHexStringLower(initrd.Sha256), commandLine };
        await audit.SaveAsync(data, caller.Actor, "image.create", name, project, detail, cancel);
        return View(await Rows(data, data.Images.Where(i => i.Id == image.Id)).SingleAsync(cancel));
    }

    public async Task DeleteAsync(Caller caller, string name, string? project, string? ifMatch, CancellationToken cancel)
    {
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        Image image = await FindAsync(data, caller, name, project, cancel);
        if (image.ProjectId is { } owner) caller.Require(owner, ProjectRole.Member, "image", name);
        else caller.Require(SiteRole.Administrator);
        ETags.Check(ifMatch, ETags.Of(image.RowVersion));
        string[] users = await data.Tenants.Where(tenant => tenant.ImageId == image.Id && tenant.ProjectId == image.ProjectId).OrderBy(tenant => tenant.Name).Select(tenant => tenant.Name).Take(3).ToArrayAsync(cancel);
        if (users.Length > 0) throw RefusalException.Conflict($"image '{image.Name}' is what {string.Join(", ", users)} boot from: delete those tenants first");
        data.Images.Remove(image);
        await audit.SaveAsync(data, caller.Actor, "image.delete", image.Name, image.ProjectId, new { image.Id }, cancel);
    }

    /// <summary>Finds an image by id or name: in the project named, among those of all projects, else where only one of that name is visible.</summary>
    internal async Task<Image> FindAsync(OsvDbContext data, Caller caller, string image, string? project, CancellationToken cancel)
    {
        Guid[]? scope = await projects.ScopeAsync(caller, project, cancel);
        bool isId = Guid.TryParse(image, out Guid id);
        List<Image> found = await data.Images.AsNoTracking()
            .Where(row => (isId ? row.Id == id : row.Name == image) && (scope == null || row.ProjectId == null || scope.Contains(row.ProjectId.Value)))
            .OrderBy(row => row.ProjectId == null).Take(3).ToListAsync(cancel);
        return found switch
        {
            [] => throw RefusalException.NotFound("image", image),
            [var only] => only,
            // The project's own hides the one that is everybody's.
            [{ ProjectId: not null } own, { ProjectId: null }] => own,
            _ => throw RefusalException.Conflict($"several projects have an image '{image}': name the project too"),
        };
    }

    private static ImageView View(Row row) => new(
        row.Image.Id, row.Image.Name, row.Project, Convert.ToHexStringLower(row.Image.KernelSha256), row.KernelBytes,
        row.Image.InitrdSha256 is { } initrd ? Convert.ToHexStringLower(initrd) : null, row.InitrdBytes, row.Image.CommandLine, row.Tenants, row.Image.CreatedAt);

    private static IQueryable<Row> Rows(OsvDbContext data, IQueryable<Image> images) =>
        from image in images.AsNoTracking()
        select new Row
        {
            Image = image,
            Project = data.Projects.Where(project => project.Id == image.ProjectId).Select(project => project.Name).FirstOrDefault(),
            KernelBytes = data.Contents.Where(content => content.Sha256 == image.KernelSha256).Select(content => content.SizeBytes).First(),
            InitrdBytes = data.Contents.Where(content => content.Sha256 == image.InitrdSha256).Select(content => (long?)content.SizeBytes).FirstOrDefault(),
            // Of an image for all projects only the project's own tenants would be known; count none there.
            Tenants = data.Tenants.Count(tenant => tenant.ImageId == image.Id && tenant.ProjectId == image.ProjectId),
        };

    private sealed record Key(string Name, Guid Id);

    private sealed class Row
    {
        public required Image Image { get; init; }

        public string? Project { get; init; }

        public long KernelBytes { get; init; }

        public long? InitrdBytes { get; init; }

        public int Tenants { get; init; }
    }
}
