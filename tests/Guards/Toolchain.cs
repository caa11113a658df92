using System.Diagnostics;
using System.Reflection;

namespace Osv.Monitor.Guards.Tests;

/// <summary>The tools that the monitor's build used, by the paths it had.</summary>
internal static class Toolchain
{
    public static string RepositoryRoot { get; } = Named("RepositoryRoot");
    public static string Compiler { get; } = Named("Compiler");
    public static string IlcPackage { get; } = Named("IlcPackage");
    public static string Boot { get; } = Path.Combine(RepositoryRoot, "monitor", "boot");
    public static string Guards { get; } = typeof(Finding).Assembly.Location;
    public static string Samples { get; } = Path.Combine(RepositoryRoot, "tests", "Guards", "Samples");

    /// <summary>The C# files that are compiled into the monitor.</summary>
    public static IReadOnlyList<string> MonitorSources() => [.. File.ReadLines(Named("MonitorSources")).Where(path => path.Length != 0)];

    /// <summary>What the monitor is built from, below the repository's root.</summary>
    public static IReadOnlyList<string> BuildInputs { get; } = ["monitor", "src/Contracts", "Directory.Build.props", "Directory.Packages.props", "global.json", ".editorconfig"];

    /// <summary>Copies a file or folder of the repository to the same place below another root, without what builds have made.</summary>
    public static void Copy(string input, string root)
    {
        string from = Path.Combine(RepositoryRoot, input);
        if (File.Exists(from))
        {
            string to = Path.Combine(root, input);
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.Copy(from, to);
            return;
        }
        foreach (string entry in Directory.EnumerateFileSystemEntries(from).Select(Path.GetFileName).OfType<string>().Where(name => name is not ("bin" or "obj")))
            Copy(Path.Combine(input, entry), root);
    }

    /// <summary>Exit status and everything written.</summary>
    public static async Task<(int Status, string Output)> RunAsync(string folder, string file, IEnumerable<string> arguments, CancellationToken cancel)
    {
        using var process = new Process
        {
            StartInfo = new ProcessStartInfo(file, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true },
        };
        process.StartInfo.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        process.Start();
        Task<string> output = process.StandardOutput.ReadToEndAsync(cancel), errors = process.StandardError.ReadToEndAsync(cancel);
        await process.WaitForExitAsync(cancel);
        return (process.ExitCode, await output + await errors);
    }

    private static string Named(string key) => typeof(Toolchain).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;
}
