using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace Osv.Images;

/// <summary>Runs a program of a Debian package.</summary>
public static class Tool
{
    /// <summary>Ctrl-C reaches it too, and what it began it undoes: mounts of a root file system in the making, folders. Then it is asked, then made, to end.</summary>
    private static readonly TimeSpan s_byItself = TimeSpan.FromSeconds(6), s_asked = TimeSpan.FromSeconds(6);

    /// <summary>Runs a script of this folder, whose output is warnings.</summary>
    public static async Task RunScriptAsync(IReadOnlyList<string> arguments, Action<string> warn, CancellationToken cancel)
    {
        foreach (string warning in (await RunAsync("bash", arguments, cancel).ConfigureAwait(false)).Split('\n', StringSplitOptions.RemoveEmptyEntries)) warn(warning);
    }

    /// <summary>What it printed.</summary>
    /// <exception cref="InvalidOperationException">It ended with another status than 0; its own words are in the message.</exception>
    public static async Task<string> RunAsync(string file, IReadOnlyList<string> arguments, CancellationToken cancel = default)
    {
        using Process process = Start(new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true });
        Task<string> output = process.StandardOutput.ReadToEndAsync(cancel), errors = process.StandardError.ReadToEndAsync(cancel);
        try
        {
            await process.WaitForExitAsync(cancel).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            await EndAsync(process).ConfigureAwait(false);
            throw;
        }
        string said = await output.ConfigureAwait(false), complained = await errors.ConfigureAwait(false);
        // Ctrl-C may reach it before us: its complaint about that is no news.
        if (process.ExitCode != 0) cancel.ThrowIfCancellationRequested();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{file} {string.Join(' ', arguments)} ended with status {process.ExitCode}: {complained.Trim()} {said.Trim()}");
        return said;
    }

    private static Process Start(ProcessStartInfo program)
    {
        try
        {
            return Process.Start(program)!;
        }
        catch (Win32Exception missing)
        {
            throw new InvalidOperationException($"{program.FileName} does not start ({missing.Message}): install the packages of deploy/packages.txt", missing);
        }
    }

    private static async Task EndAsync(Process process)
    {
        if (await HasEndedAsync(process, s_byItself).ConfigureAwait(false)) return;
        using (Process ask = Process.Start("/bin/sh", ["-c", "kill -TERM \"$@\" 2>/dev/null", "sh", .. Family(process.Id).Select(id => id.ToString(CultureInfo.InvariantCulture))]))
        {
            await ask.WaitForExitAsync().ConfigureAwait(false);
        }
        if (!await HasEndedAsync(process, s_asked).ConfigureAwait(false)) process.Kill(entireProcessTree: true);
    }

    private static async Task<bool> HasEndedAsync(Process process, TimeSpan within)
    {
        using var limit = new CancellationTokenSource(within);
        await process.WaitForExitAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return process.HasExited;
    }

    /// <summary>A process and all that descend from it.</summary>
    private static List<int> Family(int id)
    {
        var parents = new Dictionary<int, int>();
        foreach (string folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out int one)) continue;
            try
            {
                // Behind the name, which is in parentheses and may hold anything: state and parent (proc_pid_stat(5)).
                string stat = File.ReadAllText(Path.Combine(folder, "stat"));
                parents[one] = int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture);
            }
            catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
            {
                // It has ended meanwhile.
            }
        }
        List<int> family = [id];
        for (int i = 0; i < family.Count; i++) family.AddRange(parents.Where(pair => pair.Value == family[i]).Select(pair => pair.Key));
        return family;
    }
}
