using System.Globalization;
using Osv.Cli.Api;
using Osv.Cli.CommandLine;

namespace Osv.Cli.Consoles;

/// <summary>A person at a console.</summary>
internal static class ConsoleSession
{
    /// <summary>Ctrl-] as in telnet: the one key that does not go to the tenant.</summary>
    private const byte Leave = 0x1D;

    /// <summary>Bytes of what was printed before: about a screen.</summary>
    private const int Scrollback = 2048;

    /// <param name="api">The server.</param>
    /// <param name="tenant">Id of the tenant.</param>
    /// <param name="name">What to call it.</param>
    /// <param name="cancel">Leaves.</param>
    public static async Task RunAsync(ApiConnection api, string tenant, string name, CancellationToken cancel)
    {
        ConsoleConnection connection = new(api, tenant, -Scrollback);
        await using (connection.ConfigureAwait(false))
        {
            await connection.OpenAsync(cancel).ConfigureAwait(false);
            Tell($"the console of {Terminal.Plain(name)}; Ctrl-] leaves", newLine: "\n");
            using var end = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            using var terminal = new RawTerminal();
            try
            {
                Task printing = PrintAsync(connection, end.Token), typing = TypeAsync(connection, end.Token);
                await await Task.WhenAny(printing, typing).ConfigureAwait(false);
            }
            finally
            {
                await end.CancelAsync().ConfigureAwait(false);
                Console.Error.Write("\r\n");
            }
        }
    }

    private static async Task PrintAsync(ConsoleConnection connection, CancellationToken cancel)
    {
        Stream screen = Console.OpenStandardOutput();
        await foreach (ConsoleMessage message in connection.ReadAsync(cancel).ConfigureAwait(false))
        {
            if (message.Notice is { } notice) Show(notice);
            else await screen.WriteAsync(message.Printed, cancel).ConfigureAwait(false);
        }
    }

    /// <summary>Ends when the person leaves.</summary>
    private static async Task TypeAsync(ConsoleConnection connection, CancellationToken cancel)
    {
        Stream keyboard = RawTerminal.OpenKeyboard();
        byte[] keys = new byte[1024];
        while (true)
        {
            // Reading a terminal cannot be cancelled: the read is left behind when the command ends.
            int read = await Task.Run(() => keyboard.Read(keys), CancellationToken.None).WaitAsync(cancel).ConfigureAwait(false);
            int leaves = keys.AsSpan(0, read).IndexOf(Leave);
            if (!await connection.TypeAsync(keys.AsMemory(0, leaves < 0 ? read : leaves), cancel).ConfigureAwait(false)) Tell("the server is away: what you typed is lost");
            if (read == 0 || leaves >= 0) return;
        }
    }

    private static void Show(ConsoleNotice notice)
    {
        if (notice switch
        {
            { Kind: "start", MayType: false } => "you may watch, not type",
            { Kind: "lost", Bytes: { } bytes } => string.Create(CultureInfo.InvariantCulture, $"{bytes} bytes are lost here"),
            { Kind: "refused", Message: { } message } => message,
            { Kind: "away" } => "the server has gone away; trying to reach it again",
            { Kind: "back" } => "the server is back",
            _ => null,
        } is { } text) Tell(text);
    }

    /// <summary>In raw mode a line feed alone does not go to the first column.</summary>
    private static void Tell(string text, string newLine = "\r\n") => Console.Error.Write($"{(newLine == "\n" ? "" : newLine)}[osv: {Terminal.Plain(text)}]{newLine}");
}
