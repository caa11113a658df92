using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.RegularExpressions;

namespace Osv.Fuzz.Engine;

/// <summary>What a run of one target has come to.</summary>
/// <param name="Features">What libFuzzer tells apart: counters, each with how often it moved.</param>
/// <param name="Finding">The input that broke something, and what it said; null: nothing broke.</param>
internal sealed record FuzzResult(string Target, long Executions, double Seconds, int Features, int Corpus, Finding? Finding)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{Target,-10} {Executions,12:N0} executions in {Seconds,7:F1} s ({Executions / Math.Max(Seconds, 0.001),9:N0}/s), {Features,6:N0} features, {Corpus,5:N0} inputs{(Finding is null ? string.Empty : $"  FINDING {Finding.File}")}");
}

/// <param name="File">Where the input was kept.</param>
/// <param name="Message">What was thrown, or the end of what the program said.</param>
internal sealed record Finding(string File, string Message);

/// <summary>How much of the code the inputs of a corpus reach.</summary>
internal sealed record ReplayResult(int Inputs, int Edges, double Seconds);

/// <summary>Runs a target in a process of its own.</summary>
internal sealed partial class Campaign(string program)
{
    private static readonly TimeSpan s_grace = TimeSpan.FromMinutes(2);

    /// <summary>Executes inputs that libFuzzer makes out of those in the folders. New ones go to the first folder.</summary>
    /// <param name="limit">The run ends when it has taken so long, whether or not all executions are done.</param>
    /// <param name="seed">The same executions again; 0: libFuzzer chooses.</param>
    public async Task<FuzzResult> RunAsync(string target, IReadOnlyList<string> folders, long executions, TimeSpan limit, uint seed, CancellationToken cancel)
    {
        Directory.CreateDirectory(Places.Findings);
        string[] options =
        [
            "drive", target, $"-runs={executions}", string.Create(CultureInfo.InvariantCulture, $"-max_total_time={(long)limit.TotalSeconds}"), $"-seed={seed}", "-timeout=10",
            // What libFuzzer keeps itself, an input that takes too long, is kept below like all others.
            $"-artifact_prefix={Path.GetTempPath()}", .. folders,
        ];
        var clock = Stopwatch.StartNew();
        (int status, string said, int process) = await ExecuteAsync(options, limit + s_grace, cancel).ConfigureAwait(false);
        double seconds = clock.Elapsed.TotalSeconds;
        Finding? finding = status == 0 ? null : new Finding(Keep(target, process), Reason(said, status));
        File.Delete(CurrentInput.PathOf(process));
        return new FuzzResult(target, Last(Executed(), said), seconds, (int)Last(Feature(), said), (int)Last(CorpusSize(), said), finding);
    }

    /// <summary>The input that a process ended with, under the name of its content.</summary>
    private static string Keep(string target, int process)
    {
        if (CurrentInput.Read(process) is not { } input) return string.Empty;
        string file = Path.Combine(Places.Findings, $"{target}-{Convert.ToHexStringLower(SHA256.HashData(input))[..16]}");
        File.WriteAllBytes(file, input);
        return file;
    }

    /// <summary>Executes every file of the folders once.</summary>
    /// <exception cref="FindingException">One of them breaks something.</exception>
    public async Task<ReplayResult> ReplayAsync(string target, IEnumerable<string> files, CancellationToken cancel)
    {
        string[] all = [.. files];
        string list = Path.GetTempFileName();
        try
        {
            await File.WriteAllLinesAsync(list, all, cancel).ConfigureAwait(false);
            (int status, string said, _) = await ExecuteAsync(["cover", target, list], s_grace, cancel).ConfigureAwait(false);
            if (status != 0) throw new FindingException(Reason(said, status));
            Match covered = Covered().Match(said);
            return new ReplayResult(all.Length, int.Parse(covered.Groups[1].Value, CultureInfo.InvariantCulture), double.Parse(covered.Groups[2].Value, CultureInfo.InvariantCulture));
        }
        finally
        {
            File.Delete(list);
        }
    }

    /// <summary>The fewest inputs of the folders that show all that they show together, into an empty folder.</summary>
    public async Task MinimiseAsync(string target, string into, IEnumerable<string> folders, CancellationToken cancel)
    {
        (int status, string said, _) = await ExecuteAsync(["drive", target, "-merge=1", into, .. folders], TimeSpan.FromMinutes(30), cancel).ConfigureAwait(false);
        if (status != 0) throw new FindingException(Reason(said, status));
    }

    private async Task<(int Status, string Said, int Process)> ExecuteAsync(IEnumerable<string> arguments, TimeSpan limit, CancellationToken cancel)
    {
        var start = new ProcessStartInfo(Host, [program, .. arguments]) { RedirectStandardError = true, RedirectStandardOutput = true };
        // A fault of the runtime is told, not kept as a file of its memory.
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync(cancel), output = process.StandardOutput.ReadToEndAsync(cancel);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        end.CancelAfter(limit);
        try
        {
            await process.WaitForExitAsync(end.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            cancel.ThrowIfCancellationRequested();
        }
        return (process.ExitCode, await output.ConfigureAwait(false) + await errors.ConfigureAwait(false), process.Id);
    }

    private static string Host => Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? Environment.ProcessPath! : "dotnet";

    private static string Reason(string said, int status)
    {
        int at = said.IndexOf("FINDING ", StringComparison.Ordinal);
        string tail = at >= 0 ? said[at..] : said[Math.Max(0, said.Length - 2000)..];
        return $"status {status}: {tail[..Math.Min(tail.Length, 2000)]}";
    }

    private static long Last(Regex pattern, string text) => pattern.Matches(text) is [.., var last] ? long.Parse(last.Groups[1].Value, CultureInfo.InvariantCulture) : 0;

    [GeneratedRegex(@"stat::number_of_executed_units:\s*(\d+)")]
    private static partial Regex Executed();

    [GeneratedRegex(@" ft: (\d+)")]
    private static partial Regex Feature();

    [GeneratedRegex(@" corp: (\d+)")]
    private static partial Regex CorpusSize();

    [GeneratedRegex(@"edges (\d+) seconds ([\d.]+)")]
    private static partial Regex Covered();
}
