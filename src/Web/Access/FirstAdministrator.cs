using System.Security.Cryptography;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Osv.Data;
using Osv.Data.Access;
using Osv.Data.Projects;
using Osv.Web.Audit;

namespace Osv.Web.Access;

/// <summary>Makes the first user of an empty site. Only configuration Osv:FirstAdministrator asks for it; the password goes to a file of their own, or once to standard output, and never to a log.</summary>
internal sealed class FirstAdministrator(UserManager<OsvUser> users, OsvDbContext data, AuditTrail audit, TimeProvider time)
{
    /// <summary>The project that commands use when none is named.</summary>
    public const string DefaultProject = "default";

    /// <param name="passwordFile">Where only its owner will read the password; null: standard output.</param>
    public async Task CreateAsync(string name, string? passwordFile, CancellationToken cancel)
    {
        if (await data.Users.AnyAsync(cancel)) return;
        // 128 bits in base 32: strong, and without letters that look alike.
        string password = RandomNumberGenerator.GetString("abcdefghijkmnpqrstuvwxyz23456789", 26);
        // Before the user is there, so that a user without a known password never is.
        if (passwordFile is not null) await WriteAsync(passwordFile, password, cancel);
        DateTimeOffset now = time.GetUtcNow();
        var user = new OsvUser { Id = Guid.CreateVersion7(), UserName = name, SiteRole = SiteRole.Administrator, CreatedAt = now };
        await audit.SaveAsync(data, "system", "user.create", name, null, new { siteRole = SiteRole.Administrator, first = true }, cancel, async () =>
        {
            var project = new Project { Id = Guid.CreateVersion7(), Name = DefaultProject, CreatedAt = now };
            data.Projects.Add(project);
            Users.Check(await users.CreateAsync(user, password), "name");
            data.ProjectMembers.Add(new ProjectMember { ProjectId = project.Id, UserId = user.Id, Role = ProjectRole.Owner, AddedAt = now });
            await data.SaveChangesAsync(cancel);
        });
        if (passwordFile is null)
        {
            await System.Console.Out.WriteLineAsync($"first administrator: {name} password: {password}");
            await System.Console.Out.FlushAsync(cancel);
        }
    }

    private static async Task WriteAsync(string file, string password, CancellationToken cancel)
    {
        await using var stream = new FileStream(file, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite });
        await stream.WriteAsync(System.Text.Encoding.ASCII.GetBytes(password), cancel);
    }
}
