using System.Xml.Linq;

namespace Osv.Cli.Test;

/// <summary>How much of the machine a test project takes (property OsvTestCores).</summary>
internal enum TestCores
{
    /// <summary>More than one core now and then: it runs beside a project that takes one.</summary>
    Some,

    /// <summary>It computes long on one core and measures no time.</summary>
    One,

    /// <summary>It boots machines and has all to itself.</summary>
    All,
}

/// <summary>A test project: it names its suite in the property OsvTestSuite.</summary>
internal sealed record TestProject(string Name, string Assembly, string Suite, TestCores Cores)
{
    /// <summary>All of the suites, in the order of the suites and then by path.</summary>
    public static IReadOnlyList<TestProject> Find(string folder, IReadOnlyList<string> suites) =>
    [
        .. from file in Directory.EnumerateFiles(folder, "*.csproj", SearchOption.AllDirectories).Order(StringComparer.Ordinal)
           let project = XDocument.Load(file)
           let suite = project.Descendants("OsvTestSuite").FirstOrDefault()?.Value
           where suite is not null && suites.Contains(suite)
           orderby suites.ToList().IndexOf(suite)
           let name = Path.GetFileNameWithoutExtension(file)
           let assembly = Path.Combine(Path.GetDirectoryName(file)!, "bin", "Release", "net10.0", $"{name}.dll")
           let cores = project.Descendants("OsvTestCores").FirstOrDefault()?.Value
           select new TestProject(name, assembly, suite, cores is null ? TestCores.Some : Enum.Parse<TestCores>(cores)),
    ];
}
