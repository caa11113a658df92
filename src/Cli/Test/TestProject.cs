using System.Xml.Linq;

namespace Osv.Cli.Test;

/// <summary>A test project: it names its suite in the property OsvTestSuite.</summary>
/// <param name="OneCore">It computes long on one core and measures no time (property OsvTestOneCore): it may run beside others.</param>
internal sealed record TestProject(string Name, string Assembly, string Suite, bool OneCore)
{
    /// <summary>All of the suites, in the order of the suites and then by path.</summary>
    public static IReadOnlyList<TestProject> Find(string folder, IReadOnlyList<string> suites) =>
    [
        .. from file in Directory.EnumerateFiles(folder, "*.csproj", SearchOption.AllDirectories)
           let project = XDocument.Load(file)
           let suite = project.Descendants("OsvTestSuite").FirstOrDefault()?.Value
           where suite is not null && suites.Contains(suite)
           orderby suites.ToList().IndexOf(suite), file
           let name = Path.GetFileNameWithoutExtension(file)
           select new TestProject(name, Path.Combine(Path.GetDirectoryName(file)!, "bin", "Release", "net10.0", $"{name}.dll"), suite, project.Descendants("OsvTestOneCore").Any(element => element.Value == "true")),
    ];
}
