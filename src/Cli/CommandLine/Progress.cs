namespace Osv.Cli.CommandLine;

/// <summary>Tells on standard error what is being waited for: one line that changes on a terminal, else a line for each change.</summary>
internal sealed class Progress : IDisposable
{
    private readonly Lock _gate = new();
    private readonly int? _width = Terminal.ErrorWidth;
    private readonly long _started = TimeProvider.System.GetTimestamp();
    private readonly Timer? _clock;
    private string _last = "", _amount = "";

    public Progress()
    {
        // What takes long says nothing for long: the time that has passed shows that it goes on.
        if (_width is not null) _clock = new Timer(_ => Show(), null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
    }

    public TimeSpan Elapsed => TimeProvider.System.GetElapsedTime(_started);

    /// <param name="text">How it stands.</param>
    /// <param name="amount">What changes all the time, like a percentage: shown on terminals only.</param>
    public void Report(string text, string amount = "")
    {
        text = Terminal.Plain(text);
        lock (_gate)
        {
            if (_width is null && text != _last) Console.Error.WriteLine(text);
            (_last, _amount) = (text, amount);
        }
        Show();
    }

    private void Show()
    {
        lock (_gate)
        {
            if (_width is not { } width || _last.Length == 0) return;
            string line = $"{_last}{_amount} ({Ages.Format(Elapsed)})";
            Console.Error.Write($"\r{(line.Length < width ? line : $"{line.AsSpan(0, width - 2)}…")}\u001b[K");
        }
    }

    /// <summary>Wipes the line, so that what follows begins clean.</summary>
    public void Dispose()
    {
        _clock?.Dispose();
        lock (_gate)
        {
            if (_width is not null && _last.Length > 0) Console.Error.Write("\r\u001b[K");
            // A tick that was on its way has nothing to show any more.
            _last = "";
        }
    }
}
