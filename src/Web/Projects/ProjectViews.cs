using FluentValidation;
using Osv.Data.Projects;
using Osv.Web.Hosting;

namespace Osv.Web.Projects;

/// <summary>What a project may own at most, or owns. Null in a quota: no limit.</summary>
public sealed record ResourceAmounts(long? Cores, long? MemoryBytes, long? Devices, long? Placements) : IRequestBody;

/// <param name="Role">Of the caller.</param>
public sealed record ProjectView(Guid Id, string Name, ProjectRole Role, int Tenants, ResourceAmounts Usage, ResourceAmounts Quota, DateTimeOffset CreatedAt);

public sealed record MemberView(string User, ProjectRole Role, DateTimeOffset AddedAt);

/// <param name="Name">DNS label.</param>
/// <param name="Owner">User who owns it; null: the caller.</param>
public sealed record CreateProject(string Name, string? Owner) : IRequestBody;

public sealed record SetMember(ProjectRole Role) : IRequestBody;

internal sealed class CreateProjectValidator : AbstractValidator<CreateProject>
{
    public CreateProjectValidator() => RuleFor(project => project.Name).IsName();
}

internal sealed class QuotaValidator : AbstractValidator<ResourceAmounts>
{
    public QuotaValidator()
    {
        RuleFor(quota => quota.Cores).GreaterThanOrEqualTo(0);
        RuleFor(quota => quota.MemoryBytes).GreaterThanOrEqualTo(0);
        RuleFor(quota => quota.Devices).GreaterThanOrEqualTo(0);
        RuleFor(quota => quota.Placements).GreaterThanOrEqualTo(0);
    }
}
