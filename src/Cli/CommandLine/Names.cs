using System.CommandLine;
using System.CommandLine.Completions;
using Osv.Cli.Access;
using Osv.Cli.Api;

namespace Osv.Cli.CommandLine;

/// <summary>Arguments that name something on the server; the shell completes them by asking it.</summary>
internal static class Names
{
    /// <summary>A shell waits for this before it can show anything.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <param name="name">Shown in help.</param>
    /// <param name="description">Shown in help.</param>
    /// <param name="list">Asks the server for the names there are, in a project if one is named.</param>
    public static Argument<string> Argument(string name, string description, Func<ApiClient, string?, CancellationToken, Task<IEnumerable<string>>> list)
    {
        var argument = new Argument<string>(name) { Description = description };
        argument.CompletionSources.Add(context => Complete(context, list));
        return argument;
    }

    public static IEnumerable<CompletionItem> Complete(CompletionContext context, Func<ApiClient, string?, CancellationToken, Task<IEnumerable<string>>> list)
    {
        using var limit = new CancellationTokenSource(Patience);
        try
        {
            using ApiConnection connection = ServerSettings.Find(context.ParseResult.GetValue(CommonOptions.Server)).Connect();
            // Completion is synchronous; nothing else runs in this process.
            return [.. list(new ApiClient(connection), context.ParseResult.GetValue(CommonOptions.Project), limit.Token).GetAwaiter().GetResult().Select(found => new CompletionItem(found))];
        }
        catch (Exception silent) when (silent is CommandException or OperationCanceledException)
        {
            // A shell has no place for errors: it completes nothing.
            return [];
        }
    }
}
