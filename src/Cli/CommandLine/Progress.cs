namespace Osv.Cli.CommandLine;

/// <summary>Tells on standard error what is being waited for: one line that changes on a terminal, else a line for each change.</summary>
internal sealed class Progress : IDisposable
{
    private readonly int? _width = Terminal.ErrorWidth;
    private readonly long _started = TimeProvider.System.GetTimestamp();
    private string _last = "";

    public TimeSpan Elapsed => TimeProvider.System.GetElapsedTime(_started);

    /// <param name="text">How it stands.</param>
    /// <param name="amount">What changes all the time, like a percentage: shown on terminals only.</param>
    public void Report(string text, string amount = "")
    {
        text = Terminal.Plain(text);
        if (_width is { } width)
        {
            string line = $"{text}{amount} ({Ages.Format(Elapsed)})";
            Console.Error.Write($"\r{(line.Length < width ? line : $"{line.AsSpan(0, width - 2)}…")}\u001b[K");
        }
        else if (text != _last)
        {
            Console.Error.WriteLine(text);
        }
        _last = text;
    }

    /// <summary>Wipes the line, so that what follows begins clean.</summary>
    public void Dispose()
    {
        if (_width is not null && _last.Length > 0) Console.Error.Write("\r\u001b[K");
    }
}
