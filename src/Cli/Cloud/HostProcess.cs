using Osv.Cli.CommandLine;
using System.Diagnostics;
using System.Globalization;

namespace Osv.Cli.Cloud;

/// <summary>The process that carries console, API, gateway and scheduler. It lives on when the command that started it ends.</summary>
internal sealed class HostProcess(CloudHome home)
{
    private static readonly TimeSpan s_startPatience = TimeSpan.FromSeconds(120), s_stopPatience = TimeSpan.FromSeconds(30), s_poll = TimeSpan.FromMilliseconds(100);

    public static string Assembly { get; } = HostBuild.Assembly(Repository.Root);

    /// <summary>Its process id, or null. A file of a process that is gone does not count.</summary>
    public int? Id
    {
        get
        {
            if (!File.Exists(home.HostProcess) || !int.TryParse(File.ReadAllText(home.HostProcess), CultureInfo.InvariantCulture, out int id)) return null;
            try
            {
                return File.ReadAllText($"/proc/{id}/cmdline").Contains(Assembly, StringComparison.Ordinal) ? id : null;
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
    /// <param name="environment">Its settings. They hold the database's password, so they are not on a command line, which everybody can read.</param>
    public async Task StartAsync(CloudSettings settings, IReadOnlyDictionary<string, string> environment, Action<string> say, CancellationToken cancel)
    {
        // A session of its own: neither Ctrl-C nor the end of the terminal reaches it.
        var start = new ProcessStartInfo("/bin/sh", ["-c", "exec setsid dotnet \"$1\" >> \"$2\" 2>&1 < /dev/null", "sh", Assembly, home.HostLog]) { WorkingDirectory = home.Folder };
        foreach ((string name, string value) in environment) start.Environment[name] = value;
        using Process process = Process.Start(start)!;
        await File.WriteAllTextAsync(home.HostProcess, process.Id.ToString(CultureInfo.InvariantCulture), cancel).ConfigureAwait(false);
        say("waits until it can serve");
        using var http = new HttpClient { BaseAddress = settings.Console, Timeout = TimeSpan.FromSeconds(5) };
        var clock = Stopwatch.StartNew();
        while (!await IsReadyAsync(http, cancel).ConfigureAwait(false))
        {
            if (process.HasExited) throw new CommandException($"the control plane ended right after its start: {LastWords()} (see {home.HostLog})");
            if (clock.Elapsed > s_startPatience) throw new CommandException($"the control plane does not serve after {s_startPatience.TotalSeconds:0} s: see {home.HostLog}");
            await Task.Delay(s_poll, cancel).ConfigureAwait(false);
        }
    }

    public static async Task<bool> IsReadyAsync(HttpClient http, CancellationToken cancel)
    {
        try
        {
            using HttpResponseMessage answer = await http.GetAsync(new Uri("readyz", UriKind.Relative), cancel).ConfigureAwait(false);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception silent) when (silent is HttpRequestException || (silent is TaskCanceledException && !cancel.IsCancellationRequested))
        {
            return false;
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
        File.Delete(home.HostProcess);
    }

    /// <summary>The last line of the log that is an error.</summary>
    private string LastWords() =>
        (File.Exists(home.HostLog) ? File.ReadLines(home.HostLog).TakeLast(50) : [])
            .LastOrDefault(line => (line.Contains("Exception", StringComparison.Ordinal) && !line.TrimStart().StartsWith("at ", StringComparison.Ordinal)) || line.Contains("\"@l\":\"Fatal\"", StringComparison.Ordinal))?.Trim() ?? "it said nothing";
}
