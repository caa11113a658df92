using System.Reflection;

namespace Osv.Fuzz.Engine;

/// <summary>Folders of the repository that the build has written down.</summary>
internal static class Places
{
    /// <summary>The program as it was built, with all that it needs.</summary>
    public static string Program => Setting("Program");

    /// <summary>The corpora that are kept, a folder for each target.</summary>
    public static string Corpus(string target) => Path.Combine(Setting("Corpus"), target);

    /// <summary>Inputs that once broke something, each under a name that says what. They stay as they are.</summary>
    public static string Broken(string target) => Path.Combine(Setting("Corpus"), "..", "Findings", target);

    /// <summary>All kept inputs of a target.</summary>
    public static IEnumerable<string> Kept(string target) => ((string[])[Corpus(target), Broken(target)]).Where(Directory.Exists).SelectMany(Directory.EnumerateFiles);

    public static string Artifacts => Setting("Artifacts");

    /// <summary>What runs on this machine have found so far beyond the kept corpus.</summary>
    public static string Found(string target) => Path.Combine(Artifacts, "fuzz", "corpus", target);

    /// <summary>Inputs that broke something.</summary>
    public static string Findings => Path.Combine(Artifacts, "fuzz", "findings");

    private static string Setting(string key) =>
        typeof(Places).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;
}
