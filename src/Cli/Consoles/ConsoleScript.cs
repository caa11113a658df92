using System.Text;
using System.Text.RegularExpressions;
using Osv.Cli.Api;
using Osv.Cli.CommandLine;

namespace Osv.Cli.Consoles;

/// <summary>A script at a console: types standard input, prints plain text, leaves when it saw what it waits for or when all is quiet.</summary>
internal sealed class ConsoleScript
{
    /// <summary>A line that stands still this long without an end is taken for a prompt.</summary>
    private static readonly TimeSpan Settled = TimeSpan.FromMilliseconds(300);

    private readonly ConsoleConnection _connection;
    private readonly Regex? _expect;
    private readonly PlainText _plain = new();
    private readonly StringBuilder _line = new();
    private readonly TaskCompletionSource _live = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _printedAt = TimeProvider.System.GetTimestamp();
    private volatile bool _inputEnded;

    private ConsoleScript(ConsoleConnection connection, Regex? expect) => (_connection, _expect) = (connection, expect);

    /// <param name="api">The server.</param>
    /// <param name="tenant">Id of the tenant.</param>
    /// <param name="expect">What to wait for; null: silence after the end of standard input.</param>
    /// <param name="patience">How long to wait for it.</param>
    /// <param name="linger">How long a silence is.</param>
    /// <param name="cancel">Leaves.</param>
    /// <exception cref="CommandException">It did not come, what was typed did not get there, or the console is no longer there.</exception>
    public static async Task RunAsync(ApiConnection api, string tenant, Regex? expect, TimeSpan patience, TimeSpan linger, CancellationToken cancel)
    {
        ConsoleConnection connection = new(api, tenant, from: -1);
        await using (connection.ConfigureAwait(false))
        {
            await connection.OpenAsync(cancel).ConfigureAwait(false);
            using var end = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            if (expect is not null) end.CancelAfter(patience);
            var script = new ConsoleScript(connection, expect);
            try
            {
                Task watching = script.WatchAsync(linger, end.Token), typing = script.TypeAsync(end.Token);
                if (await Task.WhenAny(watching, typing).ConfigureAwait(false) == typing) await typing.ConfigureAwait(false);
                await watching.ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
            {
                throw new CommandException($"no line matched '{expect}' within {patience.TotalSeconds:F0} s; the last one was '{script._line}': see 'osv tenant log'");
            }
            finally
            {
                await end.CancelAsync().ConfigureAwait(false);
                if (script._line.Length > 0) Console.Out.WriteLine();
            }
        }
    }

    private async Task WatchAsync(TimeSpan linger, CancellationToken cancel)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        IAsyncEnumerator<ConsoleMessage> messages = _connection.ReadAsync(end.Token).GetAsyncEnumerator(end.Token);
        Task<bool> next = Task.FromResult(false);
        try
        {
            while (true)
            {
                next = messages.MoveNextAsync().AsTask();
                while (await Task.WhenAny(next, Task.Delay(Settled, cancel)).ConfigureAwait(false) != next)
                {
                    cancel.ThrowIfCancellationRequested();
                    if (_line.Length > 0 && Matches()) return;
                    if (_expect is null && _inputEnded && TimeProvider.System.GetElapsedTime(_printedAt) >= linger) return;
                }
                if (!await next.ConfigureAwait(false) || Take(messages.Current)) return;
            }
        }
        finally
        {
            // An enumerator can be disposed only when it does not wait for anything.
            await end.CancelAsync().ConfigureAwait(false);
            await next.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default).ConfigureAwait(false);
            await messages.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>True: what was waited for has come.</summary>
    private bool Take(ConsoleMessage message)
    {
        switch (message.Notice)
        {
            case { Kind: "live" }:
                _live.TrySetResult();
                return false;
            case { Kind: "refused", Message: { } why }:
                throw new CommandException(Terminal.Plain(why));
            case not null:
                return false;
        }
        // What was printed before belongs to others.
        if (!_live.Task.IsCompleted) return false;
        _printedAt = TimeProvider.System.GetTimestamp();
        string text = _plain.Next(message.Printed.Span);
        Console.Out.Write(text);
        foreach (char character in text)
        {
            if (character != '\n')
            {
                _line.Append(character);
                continue;
            }
            bool found = Matches();
            _line.Clear();
            if (found) return true;
        }
        return false;
    }

    private bool Matches()
    {
        try
        {
            return _expect?.IsMatch(_line.ToString()) == true;
        }
        catch (RegexMatchTimeoutException slow)
        {
            throw new CommandException($"'{_expect}' takes too long on a line of {_line.Length} characters: give a simpler expression", slow);
        }
    }

    private async Task TypeAsync(CancellationToken cancel)
    {
        await _live.Task.WaitAsync(cancel).ConfigureAwait(false);
        if (Console.IsInputRedirected)
        {
            Stream input = Console.OpenStandardInput();
            byte[] piece = new byte[4096];
            // Reading a pipe cannot be cancelled: the read is left behind when the command ends.
            while (await Task.Run(() => input.Read(piece), CancellationToken.None).WaitAsync(cancel).ConfigureAwait(false) is > 0 and var read)
            {
                if (!await _connection.TypeAsync(piece.AsMemory(0, read), cancel).ConfigureAwait(false)) throw new CommandException("the server has gone away, and what was typed last is lost: look at the console, then run the rest again");
            }
        }
        _printedAt = TimeProvider.System.GetTimestamp();
        _inputEnded = true;
    }
}
