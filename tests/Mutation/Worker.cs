using System.Diagnostics;
using System.Globalization;

namespace Osv.Mutation;

/// <summary>
/// Mutants hang, overflow the stack and write where they should not: they run in a process of their own, which is
/// replaced when it dies or has used too much processor time for one of them.
/// </summary>
internal sealed class Worker : IDisposable
{
    public const string Argument = "worker";

    /// <summary>Processor time, so that a busy machine makes no difference.</summary>
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_look = TimeSpan.FromSeconds(1);

    private Process? _process;

    public void Dispose() => End();

    /// <summary>What happened to the mutant: "survived", "does not compile", or "killed by ...".</summary>
    public async Task<string> JudgeAsync(int mutant)
    {
        _process ??= Process.Start(new ProcessStartInfo(Environment.ProcessPath!, [.. Host(), Argument]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
        TimeSpan before = _process.TotalProcessorTime;
        await _process.StandardInput.WriteLineAsync(mutant.ToString(CultureInfo.InvariantCulture));
        Task<string?> answer = _process.StandardOutput.ReadLineAsync();
        while (await Task.WhenAny(answer, Task.Delay(s_look)) != answer)
        {
            _process.Refresh();
            if (_process.HasExited || _process.TotalProcessorTime - before < s_limit) continue;
            End();
            return "killed by the limit of processor time";
        }
        if (await answer is { } verdict) return verdict;
        End();
        return "killed by a crash";
    }

    private static string[] Host() =>
        Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? [typeof(Worker).Assembly.Location] : [];

    private void End()
    {
        if (_process == null) return;
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        _process = null;
    }

    /// <summary>The other side: numbers of mutants come in, a line for each goes out.</summary>
    public static async Task ServeAsync()
    {
        var policy = new Policy();
        TextWriter answers = Console.Out;
        Console.SetOut(TextWriter.Null);
        while (await Console.In.ReadLineAsync() is { } line)
        {
            Mutant mutant = policy.Mutants[int.Parse(line, CultureInfo.InvariantCulture)];
            string verdict = policy.Compile(mutant) is not { } image ? "does not compile"
                : await Checks.RunAsync(image, mutant.File) is { } failed ? $"killed by {failed}" : "survived";
            await answers.WriteLineAsync(verdict.ReplaceLineEndings(" "));
            await answers.FlushAsync();
        }
    }
}
