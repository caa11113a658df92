using System.Diagnostics;
using System.Reflection;
using Osv.Model.Explorer;

namespace Osv.Promela;

/// <summary>A copy of monitor/model in a folder of its own, and SPIN and gcc run there.</summary>
internal sealed class Spin : IDisposable
{
    public static string Sources { get; } =
        typeof(Spin).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == "ModelSources").Value!;

    /// <summary>MiB that a verifier may use for states and stack.</summary>
    private const int MemoryLimit = 3500;

    private readonly string[] _bounds;

    public string Folder { get; } = Directory.CreateTempSubdirectory("osv-spin-").FullName;

    public Spin(Configuration bounds)
    {
        _bounds =
        [
            $"-DCORES={bounds.Cores}", $"-DPAGES={bounds.Pages}", $"-DFIRST={bounds.ManagementCores}",
            $"-DMOST_PAGES={bounds.TenantPages}", $"-DPAIRS={(bounds.Siblings ? 1 : 0)}",
            $"-DFUNCTIONS={bounds.Functions}", $"-DFIRST_FUNCTIONS={Math.Min(bounds.Functions, bounds.ManagementFunctions)}",
        ];
        foreach (string source in Directory.EnumerateFiles(Sources, "*.pml")) File.Copy(source, Path.Combine(Folder, Path.GetFileName(source)));
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    /// <summary>Makes the verifier of a model. Returns its file name.</summary>
    /// <param name="options">For gcc: which kind of search.</param>
    /// <param name="definitions">For SPIN, besides the bounds.</param>
    public async Task<string> VerifierAsync(string model, string[] options, CancellationToken cancel, params string[] definitions)
    {
        (int exit, string output) = await TryRunAsync("spin", ["-a", .. _bounds, .. definitions, model], cancel);
        exit.ShouldBe(0, output);
        const string Verifier = "pan";
        (exit, output) = await TryRunAsync("gcc", ["-w", "-DNOREDUCE", $"-DMEMLIM={MemoryLimit}", .. options, "-o", Verifier, "pan.c"], cancel);
        exit.ShouldBe(0, output);
        return Path.Combine(Folder, Verifier);
    }

    public async Task<string> VerifyAsync(string verifier, CancellationToken cancel, params string[] options) =>
        (await TryRunAsync(verifier, options, cancel)).Output;

    /// <summary>One random run. Returns what it printed.</summary>
    public async Task<string> SimulateAsync(int seed, int moves, CancellationToken cancel) =>
        (await TryRunAsync("spin", ["-T", $"-n{seed}", $"-u{moves}", "-DSIMULATE", .. _bounds, "monitor.pml"], cancel)).Output;

    /// <summary>Follows the trail that a verifier left. Returns what was printed on the way.</summary>
    public async Task<string> FollowTrailAsync(string model, CancellationToken cancel, params string[] definitions) =>
        (await TryRunAsync("spin", ["-T", "-t", .. _bounds, .. definitions, model], cancel)).Output;

    /// <summary>Has the verifier of replay.pml take the steps in a file.</summary>
    public async Task<string> ReplayAsync(string verifier, string trace, CancellationToken cancel) =>
        (await TryRunAsync("env", [$"OSV_TRACE={trace}", verifier, "-n", "-m1000000"], cancel)).Output;

    private async Task<(int Exit, string Output)> TryRunAsync(string program, string[] arguments, CancellationToken cancel)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { WorkingDirectory = Folder, RedirectStandardOutput = true, RedirectStandardError = true })
            ?? throw new InvalidOperationException($"{program} does not start: install the packages of deploy/packages.txt");
        Task<string> errors = process.StandardError.ReadToEndAsync(cancel);
        string output = await process.StandardOutput.ReadToEndAsync(cancel);
        output += await errors;
        await process.WaitForExitAsync(cancel);
        return (process.ExitCode, output);
    }
}
