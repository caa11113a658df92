using Microsoft.AspNetCore.Components;

namespace Osv.Web.Console;

/// <summary>A page with a list whose filters are in its address.</summary>
public abstract class ListPage : LivePage
{
    /// <summary>Part of a name that is looked for.</summary>
    [SupplyParameterFromQuery(Name = "find")] protected string? Find { get; set; }

    /// <summary>Of a list that is shown page by page; from 1.</summary>
    [SupplyParameterFromQuery(Name = "page")] protected int? PageNumber { get; set; }

    protected bool Matches(params ReadOnlySpan<string?> texts)
    {
        if (string.IsNullOrWhiteSpace(Find)) return true;
        foreach (string? text in texts)
        {
            if (text?.Contains(Find.Trim(), StringComparison.OrdinalIgnoreCase) == true) return true;
        }
        return false;
    }

    /// <summary>Changes one filter; the page follows its address, from its first page on.</summary>
    protected void Filter(string name, object? value) =>
        Navigation.NavigateTo(Navigation.GetUriWithQueryParameters(new Dictionary<string, object?> { [name] = value?.ToString() is { Length: > 0 } text ? text : null, ["page"] = null }), replace: true);
}
