using System.Xml.Linq;

namespace Osv.Cli.Test;

/// <summary>A test project: it names its suite in the property OsvTestSuite.</summary>
internal sealed record TestProject(string Name, string Assembly)
{
    public static IReadOnlyList<TestProject> Find(string folder, string suite) =>
    [
        .. Directory.EnumerateFiles(folder, "*.csproj", SearchOption.AllDirectories)
            .Where(file => XDocument.Load(file).Descendants("OsvTestSuite").Any(element => element.Value == suite))
            .Order(StringComparer.Ordinal)
            .Select(file =>
            {
                string name = Path.GetFileNameWithoutExtension(file);
                return new TestProject(name, Path.Combine(Path.GetDirectoryName(file)!, "bin", "Release", "net10.0", $"{name}.dll"));
            }),
    ];
}
