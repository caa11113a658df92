namespace Osv.Cli.CommandLine;

/// <summary>What the command was started on.</summary>
internal static class Terminal
{
    /// <summary>Columns of the terminal that standard output goes to; null: it goes elsewhere.</summary>
    public static int? OutputWidth => Console.IsOutputRedirected ? null : Width;

    /// <summary>Columns of the terminal that standard error goes to; null: it goes elsewhere.</summary>
    public static int? ErrorWidth => Console.IsErrorRedirected ? null : Width;

    // A terminal that does not know its size says 0.
    private static int Width => Console.WindowWidth is > 0 and int columns ? columns : 80;

    /// <summary>Text from elsewhere, safe to show: whoever chose it must not steer the terminal or begin lines.</summary>
    public static string Plain(string text) => text.Any(char.IsControl) ? string.Concat(text.Select(character => char.IsControl(character) ? ' ' : character)) : text;

    /// <summary>A line of a console, safe to show; tabulators are kept.</summary>
    public static string PlainLine(string line) => string.Concat(line.Where(character => character == '\t' || !char.IsControl(character)));
}
