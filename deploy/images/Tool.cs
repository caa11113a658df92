using System.Diagnostics;

namespace Osv.Images;

/// <summary>Runs a program of a Debian package.</summary>
public static class Tool
{
    /// <summary>What it printed.</summary>
    /// <exception cref="InvalidOperationException">It ended with another status than 0; its own words are in the message.</exception>
    public static async Task<string> RunAsync(string file, IReadOnlyList<string> arguments, CancellationToken cancel = default)
    {
        using Process process = Process.Start(new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })
            ?? throw new InvalidOperationException($"{file} does not start: install the packages of deploy/packages.txt");
        Task<string> output = process.StandardOutput.ReadToEndAsync(cancel), errors = process.StandardError.ReadToEndAsync(cancel);
        try
        {
            await process.WaitForExitAsync(cancel).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
        string said = await output.ConfigureAwait(false), complained = await errors.ConfigureAwait(false);
        if (process.ExitCode != 0) throw new InvalidOperationException($"{file} {string.Join(' ', arguments)} ended with status {process.ExitCode}: {complained.Trim()} {said.Trim()}");
        return said;
    }
}
