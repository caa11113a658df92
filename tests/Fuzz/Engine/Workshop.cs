using System.Diagnostics;
using SharpFuzz;

namespace Osv.Fuzz.Engine;

/// <summary>
/// Makes the program that is run: a copy of this one in which SharpFuzz has instrumented the assemblies under test, with
/// libFuzzer linked into a library beside it.
/// </summary>
internal static class Workshop
{
    /// <summary>What is under test; all else in the folder is left as it is.</summary>
    private static readonly string[] s_instrumented = ["Osv.Monitor.Policy.dll", "Osv.Fuzz.Machine.dll", "Osv.Contracts.dll", "Osv.Contracts.Node.dll", "Osv.Agent.dll"];

    public const string Driver = "libosvfuzz.so";
    private static readonly Lock s_gate = new();

    /// <summary>The program, made anew when something it is made of has changed; its path.</summary>
    public static string Prepare() => Prepare(Path.Combine(Places.Artifacts, "fuzz", "program"), new Dictionary<string, string>());

    /// <param name="replaced">Assemblies to take from elsewhere, by file name: ones with a fault.</param>
    public static string Prepare(string folder, IReadOnlyDictionary<string, string> replaced)
    {
        lock (s_gate) return Make(folder, replaced);
    }

    private static string Make(string folder, IReadOnlyDictionary<string, string> replaced)
    {
        string program = Path.Combine(folder, "Osv.Fuzz.dll"), stamp = Path.Combine(folder, "made");
        DateTime newest = Directory.EnumerateFiles(Places.Program).Concat(replaced.Values).Max(File.GetLastWriteTimeUtc);
        if (File.Exists(stamp) && File.GetLastWriteTimeUtc(stamp) >= newest) return program;

        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        Directory.CreateDirectory(folder);
        foreach (string file in Directory.EnumerateFiles(Places.Program))
        {
            string name = Path.GetFileName(file), copy = Path.Combine(folder, name);
            File.Copy(replaced.GetValueOrDefault(name, file), copy);
            if (!s_instrumented.Contains(name)) continue;
            // Enumerated to the end, or nothing is written.
            if (!Fuzzer.Instrument(copy, static _ => true, Options.Value).Any()) throw new InvalidOperationException($"{name} has nothing to instrument");
        }
        LinkDriver(folder);
        File.WriteAllText(stamp, string.Empty);
        return program;
    }

    private static void LinkDriver(string folder)
    {
        string library = Directory.EnumerateDirectories("/usr/lib", "llvm-*")
            .Select(llvm => Path.Combine(llvm, "lib", "clang")).Where(Directory.Exists).SelectMany(Directory.EnumerateDirectories)
            .Select(version => Path.Combine(version, "lib", "linux", "libclang_rt.fuzzer_no_main-x86_64.a")).Where(File.Exists)
            .Order(StringComparer.Ordinal).LastOrDefault(string.Empty);
        if (library.Length == 0) throw new InvalidOperationException("libFuzzer is not installed: apt-get install libclang-rt-dev");
        string[] arguments =
        [
            "-O2", "-shared", "-fPIC", "-o", Path.Combine(folder, Driver), Path.Combine(folder, "driver.c"),
            "-Wl,--whole-archive", library, "-Wl,--no-whole-archive", "-l:libstdc++.so.6", "-lm", "-lpthread", "-ldl",
        ];
        using Process linker = Process.Start(new ProcessStartInfo("gcc", arguments) { RedirectStandardError = true })!;
        string messages = linker.StandardError.ReadToEnd();
        linker.WaitForExit();
        if (linker.ExitCode != 0) throw new InvalidOperationException($"gcc cannot link {library}: {messages}");
    }
}
