namespace Osv.Cli.CommandLine;

/// <summary>Looks again and again until something is so.</summary>
internal static class Waiting
{
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(500);

    /// <param name="call">The command; it has the option --timeout.</param>
    /// <param name="what">Ends the sentence "waited for".</param>
    /// <param name="read">How it is.</param>
    /// <param name="judge">Null: it is so. Else how it stands. Throws <see cref="CommandException"/> when it can never be so.</param>
    /// <returns>What was read last.</returns>
    public static async Task<T> UntilAsync<T>(Call call, string what, Func<Task<T>> read, Func<T, string?> judge)
    {
        var patience = TimeSpan.FromSeconds(call.Get(CommonOptions.Timeout));
        using var progress = new Progress();
        using var timer = new PeriodicTimer(Between);
        while (true)
        {
            T now = await read().ConfigureAwait(false);
            if (judge(now) is not { } status) return now;
            if (progress.Elapsed > patience) throw new CommandException($"waited {patience.TotalSeconds:F0} s for {Terminal.Plain(what)}, and it stands so: {Terminal.Plain(status)}; it goes on without this command");
            progress.Report(status);
            await timer.WaitForNextTickAsync(call.Cancel).ConfigureAwait(false);
        }
    }
}
