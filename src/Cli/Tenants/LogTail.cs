using Osv.Cli.Api;
using Osv.Cli.CommandLine;

namespace Osv.Cli.Tenants;

/// <summary>Writes the lines of a console as they grow: a prompt is there before it ends, and nothing is written twice.</summary>
/// <param name="output">Where to.</param>
/// <param name="stamp">What goes before a line.</param>
internal sealed class LogTail(TextWriter output, Func<LogLine, string> stamp)
{
    /// <summary>What is written of a line that has not ended; null: the cursor is at the beginning of a line.</summary>
    private string? _open;

    public void Write(LogLine line)
    {
        string text = Terminal.PlainLine(line.Text);
        if (_open is { } open && text.StartsWith(open, StringComparison.Ordinal)) output.Write(text[open.Length..]);
        else
        {
            // The line was written over, as a progress bar does, or what followed it was lost.
            if (_open is not null) output.WriteLine();
            output.Write(stamp(line));
            output.Write(text);
        }
        if (!line.Partial) output.WriteLine();
        output.Flush();
        _open = line.Partial ? text : null;
    }
}
