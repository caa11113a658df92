using System.Diagnostics;
using System.Text;

namespace Osv.EndToEnd.Tests;

/// <summary>What a command printed and how it ended.</summary>
internal sealed record Ended(int Status, string Output, string Errors, TimeSpan Took)
{
    public override string ToString() => $"status {Status} after {Took.TotalSeconds:0.0} s\n{Output}\n{Errors}";
}

/// <summary>Runs commands as a person in a shell would.</summary>
internal static class Shell
{
    public static async Task<Ended> RunAsync(string file, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment, TimeSpan most)
    {
        var start = new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach ((string name, string value) in environment) start.Environment[name] = value;
        var clock = Stopwatch.StartNew();
        using Process process = Process.Start(start)!;
        process.StandardInput.Close();
        var output = new StringBuilder();
        var errors = new StringBuilder();
        // Lines, not streams: what a command leaves running in the background may keep these open.
        process.OutputDataReceived += (_, line) => Append(output, line.Data);
        process.ErrorDataReceived += (_, line) => Append(errors, line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(most);
        try
        {
            await process.WaitForExitAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{Path.GetFileName(file)} {string.Join(' ', arguments)} had not ended after {most.TotalSeconds:0} s; it said:\n{output}\n{errors}");
        }
        return new Ended(process.ExitCode, output.ToString(), errors.ToString(), clock.Elapsed);
    }

    private static void Append(StringBuilder text, string? line)
    {
        if (line is null) return;
        lock (text) text.AppendLine(line);
    }
}
