using System.Text;

namespace Osv.Cli.CommandLine;

/// <param name="Title">In capitals.</param>
/// <param name="Cell">What a row shows.</param>
internal sealed record Column<T>(string Title, Func<T, string?> Cell)
{
    /// <summary>Numbers.</summary>
    public bool IsRight { get; init; }

    /// <summary>Shown only where asked for.</summary>
    public bool IsWide { get; init; }

    /// <summary>Free text: cut first where the terminal is too narrow.</summary>
    public bool IsText { get; init; }
}

/// <summary>Lines up rows in columns.</summary>
internal static class Table
{
    private const string Gap = "  ";
    private const int ShortestText = 12;

    /// <param name="rows">What to show.</param>
    /// <param name="columns">How.</param>
    /// <param name="width">Columns of the terminal, which no line exceeds; null: lines may be of any length.</param>
    /// <param name="wide">Show all columns.</param>
    public static string Render<T>(IReadOnlyList<T> rows, IReadOnlyList<Column<T>> columns, int? width, bool wide)
    {
        Column<T>[] shown = [.. columns.Where(column => wide || !column.IsWide)];
        string[][] cells = [[.. shown.Select(column => column.Title)], .. rows.Select(row => (string[])[.. shown.Select(column => Terminal.Plain(column.Cell(row) is { Length: > 0 } text ? text : "-"))])];
        int[] widths = [.. shown.Select((_, index) => cells.Max(line => line[index].Length))];
        if (width is { } limit) Narrow(widths, shown, limit);

        var text = new StringBuilder();
        foreach (string[] line in cells)
        {
            string joined = string.Join(Gap, line.Select((cell, index) => shown[index].IsRight ? Cut(cell, widths[index]).PadLeft(widths[index]) : Cut(cell, widths[index]).PadRight(widths[index]))).TrimEnd();
            text.AppendLine(Cut(joined, width ?? int.MaxValue));
        }
        return text.ToString();
    }

    /// <summary>Names and what they are, one a line.</summary>
    public static string Fields(IEnumerable<(string Name, string? Value)> fields)
    {
        (string Name, string? Value)[] all = [.. fields];
        int longest = all.Max(field => field.Name.Length) + 1;
        return string.Concat(all.Select(field => $"{$"{field.Name}:".PadRight(longest)} {(field.Value is { Length: > 0 } value ? Terminal.Plain(value) : "-")}{Environment.NewLine}"));
    }

    private static void Narrow<T>(int[] widths, Column<T>[] columns, int limit)
    {
        int excess = widths.Sum() + Gap.Length * (widths.Length - 1) - limit;
        for (int index = columns.Length - 1; index >= 0 && excess > 0; index--)
        {
            if (!columns[index].IsText) continue;
            int cut = Math.Min(excess, Math.Max(0, widths[index] - Math.Max(ShortestText, columns[index].Title.Length)));
            widths[index] -= cut;
            excess -= cut;
        }
    }

    private static string Cut(string text, int width) => text.Length <= width ? text : $"{text.AsSpan(0, width - 1)}…";
}
