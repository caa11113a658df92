using System.Text.Json;

namespace Osv.Cli.Api;

/// <summary>An answer of the API: what it says and what it is.</summary>
/// <param name="Json">As the server sent it, with members that this client does not know.</param>
internal sealed record Reply<T>(JsonElement Json, T Value);

/// <summary>A piece of a list.</summary>
internal interface IPage<out T>
{
    IReadOnlyList<T> Items { get; }

    /// <summary>Null: this was the last piece.</summary>
    string? NextCursor { get; }
}

/// <summary>Reads lists whole.</summary>
internal static class Pages
{
    /// <summary>Most items in one answer of the server.</summary>
    public const int Largest = 500;

    /// <param name="read">Reads the piece after a cursor with at most that many items.</param>
    /// <param name="most">Items wanted; null: all.</param>
    /// <returns>One answer as if it had come in one piece.</returns>
    public static async Task<Reply<IReadOnlyList<T>>> ReadAsync<TPage, T>(Func<int?, string?, Task<Reply<TPage>>> read, int? most = null)
        where TPage : IPage<T>
    {
        var json = new List<JsonElement>();
        var items = new List<T>();
        string? cursor = null;
        do
        {
            Reply<TPage> page = await read(Math.Min(Largest, (most ?? int.MaxValue) - items.Count), cursor).ConfigureAwait(false);
            json.AddRange(page.Json.GetProperty("items").EnumerateArray());
            items.AddRange(page.Value.Items);
            cursor = page.Value.NextCursor;
        }
        while (cursor is not null && (most is null || items.Count < most));
        return new Reply<IReadOnlyList<T>>(Whole(json, cursor), items);
    }

    private static JsonElement Whole(List<JsonElement> items, string? nextCursor)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteStartArray("items");
            foreach (JsonElement item in items) item.WriteTo(writer);
            writer.WriteEndArray();
            writer.WriteString("nextCursor", nextCursor);
            writer.WriteEndObject();
        }
        return JsonElement.Parse(buffer.ToArray());
    }
}
