namespace Osv.Cli.CommandLine;

/// <summary>A command cannot do what it was asked.</summary>
/// <param name="message">What was wrong, the value, and what to do: one sentence without a final full stop, shown on standard error.</param>
/// <param name="inner">What led to it.</param>
internal class CommandException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The server refused a request.</summary>
internal sealed class RefusedException(int status, string message) : CommandException(message)
{
    /// <summary>HTTP status.</summary>
    public int Status { get; } = status;
}
