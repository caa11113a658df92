using System.Diagnostics;
using System.Globalization;
using Osv.Cli.CommandLine;

namespace Osv.Cli.Cloud;

/// <summary>A process of the cloud, which lives on when the command that started it ends.</summary>
/// <param name="name">What people know it as.</param>
/// <param name="assembly">Path of its program.</param>
/// <param name="idFile">Holds its process id.</param>
/// <param name="log">All that it says.</param>
internal sealed class CloudProcess(string name, string assembly, string idFile, string log)
{
    private static readonly TimeSpan s_startPatience = TimeSpan.FromSeconds(120), s_stopPatience = TimeSpan.FromSeconds(30), s_poll = TimeSpan.FromMilliseconds(100);

    public string Log => log;

    /// <summary>Its process id, or null. A file of a process that is gone does not count.</summary>
    public int? Id
    {
        get
        {
            if (!File.Exists(idFile) || !int.TryParse(File.ReadAllText(idFile), CultureInfo.InvariantCulture, out int id)) return null;
            try
            {
                return File.ReadAllText($"/proc/{id}/cmdline").Contains(assembly, StringComparison.Ordinal) ? id : null;
            }
            catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
            {
                return null;
            }
        }
    }

    /// <summary>Resident memory in bytes; 0 when it does not run.</summary>
    public long ResidentBytes
    {
        get
        {
            if (Id is not { } id) return 0;
            using Process process = Process.GetProcessById(id);
            return process.WorkingSet64;
        }
    }

    /// <summary>Starts it and returns when it can serve.</summary>
    /// <param name="environment">Its settings. They may hold secrets, so they are not on a command line, which everybody can read.</param>
    public async Task StartAsync(string[] arguments, IReadOnlyDictionary<string, string> environment, Func<CancellationToken, Task<bool>> isReady, CancellationToken cancel)
    {
        // A session of its own: neither Ctrl-C nor the end of the terminal reaches it.
        const string Script = "log=$1; shift; exec setsid dotnet \"$@\" >> \"$log\" 2>&1 < /dev/null";
        var start = new ProcessStartInfo("/bin/sh", ["-c", Script, "sh", log, assembly, .. arguments]) { WorkingDirectory = Path.GetDirectoryName(idFile) };
        foreach ((string variable, string value) in environment) start.Environment[variable] = value;
        using Process process = Process.Start(start)!;
        await File.WriteAllTextAsync(idFile, process.Id.ToString(CultureInfo.InvariantCulture), cancel).ConfigureAwait(false);
        var clock = Stopwatch.StartNew();
        while (!await isReady(cancel).ConfigureAwait(false))
        {
            if (process.HasExited) throw new CommandException($"the {name} ended right after its start: {LastWords()} (see {log})");
            if (clock.Elapsed > s_startPatience) throw new CommandException($"the {name} does not serve after {s_startPatience.TotalSeconds:0} s: see {log}");
            await Task.Delay(s_poll, cancel).ConfigureAwait(false);
        }
    }

    /// <summary>Asks it to end and returns when it has; what does not listen is killed.</summary>
    public async Task StopAsync(CancellationToken cancel)
    {
        if (Id is { } id)
        {
            using Process process = Process.GetProcessById(id);
            using (Process signal = Process.Start("kill", ["-TERM", id.ToString(CultureInfo.InvariantCulture)])) await signal.WaitForExitAsync(cancel).ConfigureAwait(false);
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            patience.CancelAfter(s_stopPatience);
            try
            {
                await process.WaitForExitAsync(patience.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
            {
                process.Kill();
                await process.WaitForExitAsync(cancel).ConfigureAwait(false);
            }
        }
        File.Delete(idFile);
    }

    /// <summary>The last line of the log that is an error.</summary>
    private string LastWords() =>
        (File.Exists(log) ? File.ReadLines(log).TakeLast(50) : [])
            .LastOrDefault(line => (line.Contains("Exception", StringComparison.Ordinal) && !line.TrimStart().StartsWith("at ", StringComparison.Ordinal)) || line.Contains("\"@l\":\"Fatal\"", StringComparison.Ordinal))?.Trim() ?? "it said nothing";
}
