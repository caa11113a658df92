using System.Xml.Linq;

namespace Osv.Cli.Bench;

/// <summary>A benchmark is a program under tests/bench that names itself in the property OsvBenchmark and takes one argument: where its report goes.</summary>
internal sealed record BenchProject(string Name, string File)
{
    /// <summary>True for its own name and for what it is a part of: "control" names "control-streams", too.</summary>
    public bool Answers(string name) => Name == name || Name.StartsWith($"{name}-", StringComparison.Ordinal);

    public string Assembly => Path.Combine(Path.GetDirectoryName(File)!, "bin", "Release", "net10.0", $"{Path.GetFileNameWithoutExtension(File)}.dll");

    /// <summary>None where there is no such folder: every other command works without the benchmarks' sources.</summary>
    public static IReadOnlyList<BenchProject> FindAll(string folder) =>
    [
        .. (Directory.Exists(folder) ? Directory.EnumerateFiles(folder, "*.csproj", SearchOption.AllDirectories) : [])
            .SelectMany(file => XDocument.Load(file).Descendants("OsvBenchmark").Select(element => new BenchProject(element.Value, file)))
            .OrderBy(project => project.Name, StringComparer.Ordinal),
    ];
}
