using System.Diagnostics;
using System.Reflection;
using System.Runtime.Loader;

namespace Osv.Model;

/// <summary>
/// Compiles the policy's sources, with or without a seeded fault, together with the explorer's into an assembly of their
/// own, by the compiler that built this one, and explores there.
/// </summary>
internal static class FaultyPolicy
{
    /// <summary>3 partitions, 3 cores and 3 pages are enough for every fault, or 4 pages where extents overlap in part, and take seconds.</summary>
    public static async Task<(string? Violation, string Trace, string Summary)> ExploreAsync(SeededFault? fault, CancellationToken cancel)
    {
        string folder = Directory.CreateTempSubdirectory("osv-model-").FullName;
        var context = new AssemblyLoadContext(fault?.Name ?? "as shipped", isCollectible: true);
        try
        {
            string assembly = await CompileAsync(fault, folder, cancel);
            Type exploration = context.LoadFromAssemblyPath(assembly).GetType("Osv.Model.Explorer.Exploration", throwOnError: true)!;
            MethodInfo run = exploration.GetMethod("Run", BindingFlags.Public | BindingFlags.Static)!;
            return ((string?, string, string))run.Invoke(null, fault is { LongExtents: true } ? [3, 4, 1, 4, true, false, true, 1, 0] : [3, 3, 1, 1, false, false, true, 1, 2])!;
        }
        finally
        {
            context.Unload();
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<string> CompileAsync(SeededFault? fault, string folder, CancellationToken cancel)
    {
        string output = Path.Combine(folder, "Osv.Model.Variant.dll");
        List<string> arguments = ["-nologo", "-target:library", "-unsafe+", "-checked+", "-optimize+", "-nullable:enable", "-langversion:latest", "-nostdlib+", $"-out:{output}"];
        string references = (string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!;
        arguments.AddRange(references.Split(Path.PathSeparator)
            .Where(path => Path.GetFileName(path) is { } name && (name.StartsWith("System.", StringComparison.Ordinal) || name == "Osv.Contracts.dll"))
            .Select(path => $"-reference:\"{path}\""));
        arguments.AddRange(Directory.EnumerateFiles(Setting("ExplorerSources"), "*.cs").Select(path => $"\"{path}\""));
        foreach (string source in Directory.EnumerateFiles(Setting("PolicySources"), "*.cs"))
        {
            string text = await File.ReadAllTextAsync(source, cancel);
            if (fault?.File == Path.GetFileName(source)) text = Seed(text, fault);
            string copy = Path.Combine(folder, Path.GetFileName(source));
            await File.WriteAllTextAsync(copy, text, cancel);
            arguments.Add($"\"{copy}\"");
        }
        string responses = Path.Combine(folder, "csc.rsp");
        await File.WriteAllLinesAsync(responses, arguments, cancel);

        string host = Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? Environment.ProcessPath! : "dotnet";
        using Process compiler = Process.Start(new ProcessStartInfo(host, [Setting("Compiler"), $"@{responses}"]) { RedirectStandardOutput = true })!;
        string messages = await compiler.StandardOutput.ReadToEndAsync(cancel);
        await compiler.WaitForExitAsync(cancel);
        compiler.ExitCode.ShouldBe(0, messages);
        return output;
    }

    private static string Seed(string text, SeededFault fault)
    {
        text = text.ReplaceLineEndings("\n");
        string[] parts = text.Split(fault.Line);
        parts.Length.ShouldBe(2, $"'{fault.Line}' must stand exactly once in {fault.File}: adapt the fault '{fault.Name}' to the policy as it is now");
        return string.Join(fault.Faulty, parts);
    }

    private static string Setting(string key) =>
        typeof(FaultyPolicy).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;
}
