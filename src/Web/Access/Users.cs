using FluentValidation;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Osv.Data;
using Osv.Data.Access;
using Osv.Web.Audit;
using Osv.Web.Hosting;

namespace Osv.Web.Access;

public sealed record UserView(Guid Id, string Name, string? Email, SiteRole SiteRole, bool Disabled, DateTimeOffset CreatedAt);

public sealed record CreateUser(string Name, string? Email, string Password, SiteRole SiteRole = SiteRole.None) : IRequestBody;

/// <summary>What to change; null: as it is.</summary>
public sealed record UpdateUser(SiteRole? SiteRole, bool? Disabled, string? Password) : IRequestBody;

public sealed record ChangePassword(string CurrentPassword, string NewPassword);

internal sealed class CreateUserValidator : AbstractValidator<CreateUser>
{
    public CreateUserValidator()
    {
        RuleFor(user => user.Name).IsName(64);
        RuleFor(user => user.Email).EmailAddress().When(user => !string.IsNullOrEmpty(user.Email)).WithMessage("'{PropertyValue}' is not an e-mail address");
        RuleFor(user => user.Password).NotEmpty();
    }
}

/// <summary>The local accounts.</summary>
public sealed class Users(UserManager<OsvUser> manager, OsvDbContext data, AuditTrail audit, TimeProvider time)
{
    /// <summary>End of lockout of an account that an administrator disabled.</summary>
    public static readonly DateTimeOffset Disabled = DateTimeOffset.MaxValue;

    public async Task<Page<UserView>> ListAsync(Caller caller, PageRequest page, CancellationToken cancel)
    {
        caller.Require(SiteRole.Administrator);
        string? after = page.After<string>();
        List<OsvUser> users = await data.Users.AsNoTracking()
            .Where(user => after == null || string.Compare(user.NormalizedUserName, after) > 0)
            .OrderBy(user => user.NormalizedUserName).Take(page.Take).ToListAsync(cancel);
        return page.Of(users.ConvertAll(View), user => user.Name.ToUpperInvariant());
    }

    public async Task<UserView> ShowAsync(Caller caller, string user, CancellationToken cancel)
    {
        if (!string.Equals(user, caller.UserName, StringComparison.OrdinalIgnoreCase)) caller.Require(SiteRole.Administrator);
        return View(await FindAsync(user, cancel));
    }

    public async Task<UserView> CreateAsync(Caller caller, CreateUser request, CancellationToken cancel)
    {
        caller.Require(SiteRole.Administrator);
        new CreateUserValidator().Check(request);
        var user = new OsvUser { Id = Guid.CreateVersion7(), UserName = request.Name, Email = request.Email, SiteRole = request.SiteRole, CreatedAt = time.GetUtcNow() };
        await audit.SaveAsync(data, caller.Actor, "user.create", request.Name, null, new { siteRole = request.SiteRole }, cancel, async () => Check(await manager.CreateAsync(user, request.Password ?? ""), "password"));
        return View(user);
    }

    public async Task<UserView> UpdateAsync(Caller caller, string name, UpdateUser request, CancellationToken cancel)
    {
        caller.Require(SiteRole.Administrator);
        OsvUser user = await FindAsync(name, cancel);
        if (user.Id == caller.UserId && (request.Disabled == true || request.SiteRole is { } role && role != SiteRole.Administrator))
        {
            throw RefusalException.Conflict("you cannot take your own administration away: let another administrator do it");
        }
        await audit.SaveAsync(data, caller.Actor, "user.update", user.UserName!, null, new { request.SiteRole, request.Disabled, password = request.Password is null ? null : "changed" }, cancel, async () =>
        {
            if (request.SiteRole is { } newRole) user.SiteRole = newRole;
            if (request.Disabled is { } disabled)
            {
                user.LockoutEnabled = true;
                user.LockoutEnd = disabled ? Disabled : null;
            }
            if (request.Password is { } password)
            {
                foreach (IPasswordValidator<OsvUser> validator in manager.PasswordValidators) Check(await validator.ValidateAsync(manager, user, password), "password");
                user.PasswordHash = manager.PasswordHasher.HashPassword(user, password);
            }
            // Ends the sessions that were opened with the old rights.
            Check(await manager.UpdateSecurityStampAsync(user), "");
        });
        return View(user);
    }

    public async Task ChangePasswordAsync(Caller caller, ChangePassword request, CancellationToken cancel)
    {
        OsvUser user = await FindAsync(caller.UserName, cancel);
        await audit.SaveAsync(data, caller.Actor, "user.password", user.UserName!, null, new { }, cancel, async () => Check(await manager.ChangePasswordAsync(user, request.CurrentPassword ?? "", request.NewPassword ?? ""), "newPassword"));
    }

    internal async Task<OsvUser> FindAsync(string name, CancellationToken cancel)
    {
        string normalized = manager.NormalizeName(name);
        return await data.Users.SingleOrDefaultAsync(user => user.NormalizedUserName == normalized, cancel) ?? throw RefusalException.NotFound("user", name);
    }

    internal static void Check(IdentityResult result, string field)
    {
        if (!result.Succeeded) throw RefusalException.Invalid(field, string.Join(" ", result.Errors.Select(error => error.Description)));
    }

    private static UserView View(OsvUser user) => new(user.Id, user.UserName!, user.Email, user.SiteRole, user.LockoutEnd == Disabled, user.CreatedAt);
}
