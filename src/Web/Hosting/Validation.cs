using FluentValidation;
using FluentValidation.Results;

namespace Osv.Web.Hosting;

/// <summary>Rules that many requests share.</summary>
internal static class Validation
{
    /// <summary>Refuses a request with all its mistakes at once, by field in camelCase.</summary>
    public static void Check<T>(this IValidator<T> validator, T request)
    {
        ValidationResult result = validator.Validate(request);
        if (result.IsValid) return;
        Dictionary<string, string[]> errors = result.Errors
            .GroupBy(error => string.Join('.', error.PropertyName.Split('.').Select(part => part.Length == 0 ? part : char.ToLowerInvariant(part[0]) + part[1..])))
            .ToDictionary(group => group.Key, group => group.Select(error => error.ErrorMessage).ToArray());
        throw new RefusalException(StatusCodes.Status400BadRequest, string.Join(" ", errors.Select(field => $"{field.Key}: {string.Join(" ", field.Value)}"))) { Errors = errors };
    }

    /// <summary>Names are DNS labels: they appear in host names, links and commands.</summary>
    public static IRuleBuilderOptions<T, string> IsName<T>(this IRuleBuilder<T, string> rule, int most = 63) =>
        rule.NotEmpty().WithMessage("give a name")
            .MaximumLength(most).WithMessage("'{PropertyValue}' has {TotalLength} characters: use at most {MaxLength}")
            .Matches("^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$").WithMessage("'{PropertyValue}' is no name: use lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit")
            .Must(name => !Guid.TryParse(name, out _)).WithMessage("'{PropertyValue}' looks like an id: choose a name that does not");

    public static IRuleBuilderOptions<T, TLabels> AreLabels<T, TLabels>(this IRuleBuilder<T, TLabels> rule)
        where TLabels : IReadOnlyDictionary<string, string>? =>
        rule.Must(labels => labels is null || labels.Count <= 32).WithMessage("there are more than 32 labels")
            .Must(labels => labels is null || labels.All(label => label.Key.Length is > 0 and <= 63 && label.Value is { Length: <= 63 })).WithMessage("keys of labels have 1 to 63 characters, values at most 63");
}
