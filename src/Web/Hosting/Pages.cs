using System.Text.Json;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.WebUtilities;

namespace Osv.Web.Hosting;

/// <summary>A piece of a list.</summary>
/// <param name="Items">In the order of the list.</param>
/// <param name="NextCursor">Give it as cursor to get the next piece; null: this was the last.</param>
public sealed record Page<T>(IReadOnlyList<T> Items, string? NextCursor);

/// <summary>A numbered page of what a search found.</summary>
/// <param name="Fitting">How many fit the search, on all pages.</param>
/// <param name="All">How many there are.</param>
public sealed record Found<T>(IReadOnlyList<T> Items, int Fitting, int All);

/// <summary>Which page of what a search finds is wanted: for people, who go to and fro and want to know how many there are.</summary>
/// <param name="Number">From 1.</param>
/// <param name="Size">Items on a page.</param>
public readonly record struct FoundPage(int Number, int Size)
{
    internal int Skip => (int)Math.Min(int.MaxValue, (Math.Max(1, Number) - 1L) * Size);

    /// <summary>For LIKE: anything with the text in it. Null: there is no text.</summary>
    internal static string? Pattern(string? text) => string.IsNullOrWhiteSpace(text)
        ? null
        : $"%{text.Trim().Replace(@"\", @"\\", StringComparison.Ordinal).Replace("%", @"\%", StringComparison.Ordinal).Replace("_", @"\_", StringComparison.Ordinal)}%";
}

/// <summary>Which piece of a list is wanted. A cursor holds the key of the last item seen, so that what is added or deleted meanwhile neither repeats nor hides others.</summary>
/// <param name="Limit">1 to 500 items; 100 if not given.</param>
/// <param name="Cursor">nextCursor of the piece before.</param>
public sealed record PageRequest([FromQuery] int? Limit = null, [FromQuery] string? Cursor = null)
{
    public const int Largest = 500;

    public const int Usual = 100;

    public static PageRequest First { get; } = new(Largest);

    /// <summary>One more than wanted tells whether there is a next piece.</summary>
    internal int Take => Size + 1;

    private int Size => Limit switch
    {
        null => Usual,
        >= 1 and <= Largest => Limit.Value,
        _ => throw RefusalException.Invalid("limit", $"limit is {Limit}: use 1 to {Largest}"),
    };

    /// <summary>The key after which to go on; the default for the first piece.</summary>
    internal TKey? After<TKey>()
    {
        if (string.IsNullOrEmpty(Cursor)) return default;
        try
        {
            return JsonSerializer.Deserialize<TKey>(WebEncoders.Base64UrlDecode(Cursor));
        }
        catch (Exception bad) when (bad is FormatException or JsonException)
        {
            throw RefusalException.Invalid("cursor", "the cursor is none of ours: leave it out to start from the beginning");
        }
    }

    internal Page<T> Of<T, TKey>(List<T> rows, Func<T, TKey> key)
    {
        if (rows.Count <= Size) return new Page<T>(rows, null);
        rows.RemoveAt(rows.Count - 1);
        return new Page<T>(rows, WebEncoders.Base64UrlEncode(JsonSerializer.SerializeToUtf8Bytes(key(rows[^1]))));
    }
}
