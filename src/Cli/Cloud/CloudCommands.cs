using Osv.Cli.CommandLine;
using Osv.Postgres;
using Osv.Rack;

namespace Osv.Cli.Cloud;

/// <summary>How all commands of the cloud on this machine end.</summary>
internal static class CloudCommands
{
    /// <exception cref="CommandException">It could not be done.</exception>
    public static async Task<int> RunAsync(Func<Task> command)
    {
        try
        {
            await command().ConfigureAwait(false);
            return 0;
        }
        catch (Exception error) when (error is RackException or PostgresException or InvalidOperationException or IOException or UnauthorizedAccessException)
        {
            throw new CommandException(error.Message, error);
        }
        catch (OperationCanceledException)
        {
            await Console.Error.WriteLineAsync("osv: interrupted; the same command goes on where this one stopped").ConfigureAwait(false);
            throw;
        }
    }
}
