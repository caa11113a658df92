using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Microsoft.Net.Http.Headers;

namespace Osv.Web.Hosting;

/// <summary>Entity tags made of the row versions (PostgreSQL's xmin) that an answer was read from.</summary>
internal static class ETags
{
    private const int MostAttempts = 8;

    public static string Of(params ReadOnlySpan<uint> versions)
    {
        var text = new System.Text.StringBuilder("\"");
        foreach (uint version in versions) text.Append(CultureInfo.InvariantCulture, $"{version:x}-");
        text[^1] = '"';
        return text.ToString();
    }

    /// <summary>An answer with its tag; 304 where the caller has it already.</summary>
    public static IResult Answer<T>(HttpContext context, T view, string tag)
    {
        context.Response.Headers.ETag = tag;
        return context.Request.Headers.IfNoneMatch.Contains(tag) ? Results.StatusCode(StatusCodes.Status304NotModified) : Results.Ok(view);
    }

    /// <summary>Refuses a change of something that is no longer what the caller saw.</summary>
    /// <param name="ifMatch">Header If-Match; null: the caller does not mind.</param>
    /// <param name="tag">Tag of what is there.</param>
    public static void Check(string? ifMatch, string tag)
    {
        if (string.IsNullOrEmpty(ifMatch) || ifMatch == "*") return;
        bool matches = EntityTagHeaderValue.TryParseList([ifMatch], out IList<EntityTagHeaderValue>? tags) && tags.Any(t => t.Tag == tag);
        if (!matches) throw new RefusalException(StatusCodes.Status412PreconditionFailed, $"it changed since you read it (If-Match {ifMatch}, now {tag}): read it again and decide anew");
    }

    /// <summary>
    /// Makes a change anew where the scheduler was faster with the same row. Who named a tag is told instead: it is for them to decide.
    /// </summary>
    /// <param name="ifMatch">Header If-Match; null: the caller does not mind what it was before.</param>
    /// <param name="attempt">Reads and writes with a context of its own.</param>
    public static async Task<T> ChangeAsync<T>(string? ifMatch, Func<Task<T>> attempt)
    {
        for (int left = MostAttempts - 1; ; left--)
        {
            try
            {
                return await attempt();
            }
            catch (DbUpdateConcurrencyException) when (left > 0 && string.IsNullOrEmpty(ifMatch))
            {
            }
        }
    }
}
