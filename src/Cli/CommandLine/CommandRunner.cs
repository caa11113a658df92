using System.CommandLine;
using System.CommandLine.Invocation;

namespace Osv.Cli.CommandLine;

/// <summary>Runs the command that the arguments name and turns its end into an exit status: 0 only for success, 2 for wrong usage, 130 after Ctrl-C, else 1.</summary>
internal static class CommandRunner
{
    /// <summary>How long a command may take to end cleanly after Ctrl-C; the longest is a root file system in the making, which is unmounted and deleted.</summary>
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(20);

    public static async Task<int> RunAsync(RootCommand root, string[] arguments)
    {
        ParseResult parsed = root.Parse(arguments);
        if (parsed.Action is ParseErrorAction)
        {
            await Console.Error.WriteLineAsync($"osv: {Explain(parsed)}").ConfigureAwait(false);
            return 2;
        }
        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = Farewell }).ConfigureAwait(false);
        }
        catch (CommandException refused)
        {
            await Console.Error.WriteLineAsync($"osv: {refused.Message}").ConfigureAwait(false);
            return 1;
        }
        catch (OperationCanceledException)
        {
            return 130;
        }
    }

    private static string Explain(ParseResult parsed)
    {
        Command command = parsed.CommandResult.Command;
        string path = string.Join(' ', Path(parsed.CommandResult));
        if (command.Subcommands.Count > 0 && command.Action is null)
        {
            string known = string.Join(", ", command.Subcommands.Where(sub => !sub.Hidden).Select(sub => sub.Name));
            return parsed.UnmatchedTokens.Count == 0
                ? $"'{path}' needs a command: one of {known} ('{path} --help' explains them)"
                : $"'{path}' has no command '{Terminal.Plain(parsed.UnmatchedTokens[0])}': use one of {known} ('{path} --help' explains them)";
        }
        // Some messages of the library are lists over several lines.
        string message = string.Join(' ', parsed.Errors[0].Message.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).TrimEnd('.');
        return $"{message} ('{path} --help' shows what it takes)";
    }

    private static Stack<string> Path(System.CommandLine.Parsing.SymbolResult? result)
    {
        var names = new Stack<string>();
        for (; result is System.CommandLine.Parsing.CommandResult command; result = result.Parent) names.Push(command.Command is RootCommand ? "osv" : command.Command.Name);
        return names;
    }
}
