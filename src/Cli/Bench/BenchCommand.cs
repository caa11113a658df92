using System.CommandLine;
using System.Diagnostics;
using System.Globalization;

namespace Osv.Cli.Bench;

/// <summary><c>osv bench [NAME ...]</c>: builds and runs benchmarks, shows their figures beside the bounds.</summary>
internal static class BenchCommand
{
    public static Command Create()
    {
        string[] known = [.. BenchProject.FindAll(Path.Combine(Repository.Root, "tests", "bench")).Select(project => project.Name)];
        var names = new Argument<string[]>("name") { Description = $"Any of: {string.Join(", ", known)}. None named: all.", Arity = ArgumentArity.ZeroOrMore };
        names.AcceptOnlyFromAmong(known);
        var command = new Command("bench", "Run benchmarks; reports go to artifacts/bench.") { names };
        command.SetAction((result, cancel) => RunAsync(result.GetValue(names) is { Length: > 0 } named ? named : known, cancel));
        return command;
    }

    private static async Task<int> RunAsync(string[] names, CancellationToken cancel)
    {
        bool passed = names.Length > 0;
        foreach (BenchProject project in BenchProject.FindAll(Path.Combine(Repository.Root, "tests", "bench")).Where(project => names.Any(project.Answers)))
        {
            passed &= await RunAsync(project, cancel).ConfigureAwait(false);
        }
        return passed ? 0 : 1;
    }

    private static async Task<bool> RunAsync(BenchProject project, CancellationToken cancel)
    {
        string file = Repository.Artifacts("bench", $"{project.Name}.json");
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.Delete(file);
        if (await ExecuteAsync(["build", project.File, "-c", "Release", "-v", "q", "-nologo"], cancel).ConfigureAwait(false) != 0
            || await ExecuteAsync([project.Assembly, file], cancel).ConfigureAwait(false) != 0)
        {
            await Console.Error.WriteLineAsync($"osv: the benchmark {project.Name} did not end well; the lines above say why").ConfigureAwait(false);
            return false;
        }
        BenchReport report = BenchReport.Read(file);
        Show(report);
        Console.WriteLine($"report: {file}");
        return report.Passed;
    }

    private static void Show(BenchReport report)
    {
        Console.WriteLine();
        Console.WriteLine($"{report.Name}, on {report.Machine}");
        string[][] rows =
        [
            ["figure", "value", "bound", "", "detail"],
            .. report.Figures.Select(figure => (string[])
            [
                figure.Name,
                $"{Number(figure.Value)} {figure.Unit}".TrimEnd(),
                figure.Bound is { } bound ? $"<= {Number(bound)}" : "",
                figure.Bound is null ? "" : figure.Passed ? "pass" : "FAIL",
                figure.Detail,
            ]),
        ];
        int[] widths = [.. Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column].Length))];
        foreach (string[] row in rows) Console.WriteLine(string.Join("  ", row.Select((cell, column) => column is 1 or 2 ? cell.PadLeft(widths[column]) : cell.PadRight(widths[column]))).TrimEnd());
    }

    private static string Number(double value) => value.ToString(Math.Abs(value) >= 1000 || value == Math.Truncate(value) ? "N0" : "0.###", CultureInfo.InvariantCulture);

    private static async Task<int> ExecuteAsync(string[] arguments, CancellationToken cancel)
    {
        using Process process = Process.Start(new ProcessStartInfo("dotnet", arguments) { WorkingDirectory = Repository.Root })!;
        try
        {
            await process.WaitForExitAsync(cancel).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
        return process.ExitCode;
    }
}
