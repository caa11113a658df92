using System.Diagnostics;
using System.Reflection;

namespace Osv.Fuzz.Tests;

/// <summary>Compiles an assembly under test from its sources, one of them changed, by the compiler that built this one.</summary>
internal static class FaultyAssembly
{
    private static readonly Dictionary<string, string[]> s_sources = new()
    {
        ["Osv.Monitor.Policy.dll"] = ["monitor/Policy"],
        ["Osv.Fuzz.Machine.dll"] = ["monitor/Startup", "monitor/Hardware", "monitor/Exits", "monitor/loader", "tests/Fuzz.Machine"],
    };

    /// <summary>In whose place others stand, or that are another program's.</summary>
    private static readonly string[] s_left = ["monitor/Hardware/Cpu.cs", "monitor/loader/Panic.cs", "monitor/loader/Processor.cs", "monitor/loader/Program.cs"];

    public static async Task<string> CompileAsync(SeededFault fault, string folder, CancellationToken cancel)
    {
        string output = Path.Combine(folder, fault.Assembly), root = Setting("Sources");
        List<string> arguments = ["-nologo", "-target:library", "-unsafe+", "-checked+", "-optimize+", "-nullable:enable", "-langversion:latest", "-nostdlib+", "-nowarn:CS8632", $"-out:{output}"];
        string references = (string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!;
        arguments.AddRange(references.Split(Path.PathSeparator)
            .Where(path => Path.GetFileName(path) is { } name && name != fault.Assembly && (name.StartsWith("System.", StringComparison.Ordinal) || name is "Osv.Contracts.dll" or "Osv.Monitor.Policy.dll"))
            .Select(path => $"-reference:\"{path}\""));
        bool seeded = false;
        foreach (string source in s_sources[fault.Assembly].SelectMany(part => Directory.EnumerateFiles(Path.Combine(root, part), "*.cs")))
        {
            string name = Path.GetRelativePath(root, source);
            if (s_left.Contains(name)) continue;
            if (name != fault.File)
            {
                arguments.Add($"\"{source}\"");
                continue;
            }
            string[] parts = (await File.ReadAllTextAsync(source, cancel)).ReplaceLineEndings("\n").Split(fault.Line);
            parts.Length.ShouldBe(2, $"'{fault.Line}' must stand exactly once in {name}: adapt the fault '{fault.Name}' to the code as it is now");
            string copy = Path.Combine(folder, Path.GetFileName(source));
            await File.WriteAllTextAsync(copy, string.Join(fault.Faulty, parts), cancel);
            arguments.Add($"\"{copy}\"");
            seeded = true;
        }
        seeded.ShouldBeTrue($"{fault.File} is not compiled into {fault.Assembly}");
        // As the assembly in whose place it stands: it has that version, and the targets see what is not public.
        string friends = Path.Combine(folder, "Friends.cs");
        await File.WriteAllTextAsync(friends, "[assembly: System.Runtime.CompilerServices.InternalsVisibleTo(\"Osv.Fuzz\")]\n[assembly: System.Reflection.AssemblyVersion(\"1.0.0.0\")]\n", cancel);
        arguments.Add($"\"{friends}\"");
        string responses = Path.Combine(folder, "csc.rsp");
        await File.WriteAllLinesAsync(responses, arguments, cancel);

        string host = Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? Environment.ProcessPath! : "dotnet";
        using Process compiler = Process.Start(new ProcessStartInfo(host, [Setting("Compiler"), $"@{responses}"]) { RedirectStandardOutput = true })!;
        string messages = await compiler.StandardOutput.ReadToEndAsync(cancel);
        await compiler.WaitForExitAsync(cancel);
        compiler.ExitCode.ShouldBe(0, messages);
        return output;
    }

    private static string Setting(string key) =>
        typeof(FaultyAssembly).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;
}
