using System.CommandLine;
using System.Diagnostics;
using Osv.Images;

namespace Osv.Cli.Test;

/// <summary><c>osv test [SUITE ...]</c>: builds the solution and runs every test project of the suites.</summary>
internal static class TestCommand
{
    /// <summary>How far it looked is part of its result.</summary>
    private const string Model = "model";

    private static readonly string[] Suites = ["unit", Model, "ring0", "integration", "e2e"];

    public static Command Create()
    {
        var suites = new Argument<string[]>("suite") { Description = $"Any of: {string.Join(", ", Suites)}. None named: all.", Arity = ArgumentArity.ZeroOrMore };
        suites.AcceptOnlyFromAmong(Suites);
        var command = new Command("test", "Run the test suites.") { suites };
        command.SetAction((result, cancel) => RunAsync(result.GetValue(suites) is { Length: > 0 } named ? named : Suites, cancel));
        return command;
    }

    private static async Task<int> RunAsync(string[] suites, CancellationToken cancel)
    {
        string logs = Repository.Artifacts("test");
        Directory.CreateDirectory(logs);
        Console.WriteLine("building OSV.Cloud.sln");
        int built = await ExecuteAsync("dotnet", ["build", Path.Combine(Repository.Root, "OSV.Cloud.sln"), "-c", "Release", "-v", "q", "-nologo"], Path.Combine(logs, "build.log"), cancel).ConfigureAwait(false);
        if (built != 0)
        {
            await Console.Out.WriteLineAsync(await File.ReadAllTextAsync(Path.Combine(logs, "build.log"), cancel).ConfigureAwait(false)).ConfigureAwait(false);
            Console.WriteLine("0 passed, 1 failed, 0 skipped");
            return 1;
        }

        IReadOnlyList<TestProject> projects = TestProject.Find(Path.Combine(Repository.Root, "tests"), [.. Suites.Intersect(suites)]);
        TestTotals[] sharing = await Task.WhenAll(
            RunOneCoreAsync(projects, logs, cancel),
            RunAllAsync(projects.Where(project => project.Cores is TestCores.Some), logs, cancel)).ConfigureAwait(false);
        TestTotals total = sharing[0] + sharing[1] + await RunAllAsync(projects.Where(project => project.Cores is TestCores.All), logs, cancel).ConfigureAwait(false);
        Console.WriteLine($"{total.Passed} passed, {total.Failed} failed, {total.Skipped} skipped");
        return total is { Failed: 0, Passed: > 0 } ? 0 : 1;
    }

    /// <summary>What takes long on one core: some suites, and making what nodes and tenants boot from, for which the machine would have to wait later.</summary>
    private static async Task<TestTotals> RunOneCoreAsync(IReadOnlyList<TestProject> projects, string logs, CancellationToken cancel)
    {
        TestTotals total = await RunAllAsync(projects.Where(project => project.Cores is TestCores.One), logs, cancel).ConfigureAwait(false);
        if (!projects.Any(project => project is { Cores: TestCores.All, Suite: not "ring0" })) return total;
        try
        {
            await MakeImagesAsync(cancel).ConfigureAwait(false);
            return total;
        }
        catch (InvalidOperationException failed)
        {
            Console.WriteLine($"FAILED to make what machines boot from: {failed.Message}");
            return total + new TestTotals(0, 1, 0);
        }
    }

    private static async Task MakeImagesAsync(CancellationToken cancel)
    {
        var clock = Stopwatch.StartNew();
        var node = new NodeArtifacts(Repository.Root, Console.WriteLine);
        await node.BuildMonitorAsync(cancel).ConfigureAwait(false);
        await node.PublishAgentAsync(cancel).ConfigureAwait(false);
        await node.BuildPayloadAsync(NodeArtifacts.CloudKernel, cancel).ConfigureAwait(false);
        var tenants = new TenantImages(Repository.Root, Console.WriteLine);
        foreach (string name in TenantImages.Names) await tenants.BuildAsync(name, cancel).ConfigureAwait(false);
        Console.WriteLine($"what machines boot from: made in {clock.Elapsed.TotalSeconds:F1} s");
    }

    private static async Task<TestTotals> RunAllAsync(IEnumerable<TestProject> projects, string logs, CancellationToken cancel)
    {
        var total = new TestTotals(0, 0, 0);
        foreach (TestProject project in projects) total += await RunProjectAsync(project, logs, cancel).ConfigureAwait(false);
        return total;
    }

    private static async Task<TestTotals> RunProjectAsync(TestProject project, string logs, CancellationToken cancel)
    {
        var clock = Stopwatch.StartNew();
        string report = Path.Combine(logs, $"{project.Name}.xml"), log = Path.Combine(logs, $"{project.Name}.log");
        File.Delete(report);
        int exit = await ExecuteAsync("dotnet", [project.Assembly, "-xml", report, "-noColor"], log, cancel).ConfigureAwait(false);
        if (!File.Exists(report))
        {
            Console.WriteLine($"{project.Suite}: {project.Name} ended with status {exit} and wrote no report; see {log}");
            return new TestTotals(0, 1, 0);
        }
        TestReport read = TestReport.Read(report);
        foreach (TestOutcome failed in read.Failures) Console.WriteLine($"FAILED {failed.Name}\n    {failed.Message.ReplaceLineEndings("\n    ")}");
        foreach (TestOutcome skipped in read.Skips) Console.WriteLine($"skipped {skipped.Name}: {skipped.Message}");
        if (project.Suite == Model) foreach (string figure in read.Figures) Console.WriteLine($"    {figure}");
        TestTotals totals = read.Totals;
        if (exit != 0 && totals.Failed == 0)
        {
            Console.WriteLine($"{project.Suite}: {project.Name} ended with status {exit} though no test failed; see {log}");
            totals += new TestTotals(0, 1, 0);
        }
        Console.WriteLine($"{project.Suite}: {project.Name}: {totals.Passed} passed, {totals.Failed} failed, {totals.Skipped} skipped in {clock.Elapsed.TotalSeconds:F1} s");
        return totals;
    }

    private static async Task<int> ExecuteAsync(string file, IReadOnlyList<string> arguments, string log, CancellationToken cancel)
    {
        using var process = new Process { StartInfo = new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Repository.Root } };
        var writer = TextWriter.Synchronized(new StreamWriter(log));
        await using (writer.ConfigureAwait(false))
        {
            process.OutputDataReceived += (_, line) => { if (line.Data is { } text) writer.WriteLine(text); };
            process.ErrorDataReceived += (_, line) => { if (line.Data is { } text) writer.WriteLine(text); };
            process.Start();
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
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
}
