using Microsoft.EntityFrameworkCore;
using Osv.Data;
using Osv.Data.Logs;
using Osv.Web.Hosting;

namespace Osv.Web.Consoles;

/// <summary>Reads stored consoles. Who may is decided before.</summary>
public sealed class ConsoleReader(IDbContextFactory<OsvDbContext> contexts)
{
    /// <summary>Most lines in one answer.</summary>
    public const int MostLines = 10_000;

    /// <summary>Most bytes in one answer, and how many there are if nothing is said.</summary>
    public const int MostBytes = 1 << 20, UsualBytes = 64 << 10;

    /// <summary>Most chunks that one answer is made of: a console that is typed into has one for each key.</summary>
    private const int MostChunks = 1024;

    /// <summary>The project of a tenant; null: it is gone.</summary>
    public async Task<Guid?> ProjectOfAsync(Guid tenant, CancellationToken cancel)
    {
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        return await data.Tenants.Where(row => row.Id == tenant).Select(row => (Guid?)row.ProjectId).SingleOrDefaultAsync(cancel);
    }

    /// <summary>Lines in order, and the one that has not ended.</summary>
    /// <param name="tenant">Whose console.</param>
    /// <param name="after">Only lines with a greater number; null: the last ones.</param>
    /// <param name="limit">Most lines.</param>
    /// <param name="search">Only lines with this text, in any case; null: all.</param>
    /// <param name="cancel">Ends the search.</param>
    public async Task<IReadOnlyList<LogLine>> LinesAsync(Guid tenant, long? after, int limit, string? search, CancellationToken cancel)
    {
        if (limit is < 1 or > MostLines) throw RefusalException.Invalid("limit", $"limit is {limit}: use 1 to {MostLines}");
        if (search?.Length is < 1 or > 200) throw RefusalException.Invalid("search", $"search has {search.Length} characters: use 1 to 200");
        string? pattern = search is null ? null : $"%{search.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("%", "\\%", StringComparison.Ordinal).Replace("_", "\\_", StringComparison.Ordinal).Replace('\0', '\uFFFD')}%";
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        // Before the lines: one that ends meanwhile is then a line, and not lost.
        ConsoleHead? head = await data.ConsoleHeads.AsNoTracking().SingleOrDefaultAsync(row => row.TenantId == tenant, cancel);
        IQueryable<ConsoleLine> lines = data.ConsoleLines.AsNoTracking().Where(line => line.TenantId == tenant && (pattern == null || EF.Functions.ILike(line.Text, pattern, "\\")));
        List<LogLine> found = await (after is { } sequence
            ? lines.Where(line => line.Sequence > sequence).OrderBy(line => line.Sequence)
            : lines.OrderByDescending(line => line.Sequence)).Take(limit).Select(line => new LogLine(line.Sequence, line.At, line.Text, false)).ToListAsync(cancel);
        if (after is null) found.Reverse();
        bool atEnd = after is null || found.Count < limit;
        if (head is { OpenLine.Length: > 0 } && atEnd && (found.Count == 0 || found[^1].Sequence <= head.LineSequence))
        {
            string text = LineCutter.Text(head.OpenLine);
            if (search is null || text.Contains(search, StringComparison.OrdinalIgnoreCase)) found.Add(new LogLine(head.LineSequence, head.LastAt, text, Partial: true));
        }
        return found;
    }

    /// <summary>Bytes from a position on.</summary>
    /// <param name="tenant">Whose console.</param>
    /// <param name="from">Position of the first byte; negative: so many before the end.</param>
    /// <param name="limit">Most bytes.</param>
    /// <param name="cancel">Ends the search.</param>
    public async Task<ConsolePage> BytesAsync(Guid tenant, long from, int limit, CancellationToken cancel)
    {
        if (limit is < 1 or > MostBytes) throw RefusalException.Invalid("limit", $"limit is {limit}: use 1 to {MostBytes}");
        await using OsvDbContext data = await contexts.CreateDbContextAsync(cancel);
        long end = await data.ConsoleHeads.Where(head => head.TenantId == tenant).Select(head => head.Position).SingleOrDefaultAsync(cancel);
        from = from < 0 ? Math.Max(0, end + from) : from;
        if (from >= end) return new ConsolePage(Math.Min(from, end), end, []);
        var segments = new List<ConsoleSegment>();
        int bytes = 0;
        long next = from;
        await foreach (ConsoleChunk chunk in data.ConsoleChunks.AsNoTracking()
            .Where(chunk => chunk.TenantId == tenant && chunk.Position > from - ConsoleChunk.MostBytes && chunk.Position < end && chunk.Position + chunk.Data.Length > from)
            .OrderBy(chunk => chunk.Position).Take(MostChunks).AsAsyncEnumerable().WithCancellation(cancel))
        {
            int skip = (int)Math.Max(0, from - chunk.Position), take = Math.Min(chunk.Data.Length - skip, limit - bytes);
            segments.Add(new ConsoleSegment(chunk.Position + skip, chunk.Instance, chunk.ByteOffset + skip, skip == 0 ? chunk.LostBefore : 0, chunk.At, chunk.Data[skip..(skip + take)]));
            bytes += take;
            next = chunk.Position + skip + take;
            if (bytes >= limit) break;
        }
        // Nothing is left of what was asked for: it is older than the log is kept for.
        return new ConsolePage(segments.Count == 0 ? end : next, end, segments);
    }
}
