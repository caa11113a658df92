using System.Reflection;

namespace Osv.Fuzz.Engine;

/// <summary>Folders of the repository that the build has written down.</summary>
internal static class Places
{
    /// <summary>The program as it was built, with all that it needs.</summary>
    public static string Program => Setting("Program");

    /// <summary>The corpora that are kept, a folder for each target.</summary>
    public static string Corpus(string target) => Path.Combine(Setting("Corpus"), target);

    public static string Artifacts => Setting("Artifacts");

    /// <summary>What runs on this machine have found so far beyond the kept corpus.</summary>
    public static string Found(string target) => Path.Combine(Artifacts, "fuzz", "corpus", target);

    /// <summary>Inputs that broke something.</summary>
    public static string Findings => Path.Combine(Artifacts, "fuzz", "findings");

    private static string Setting(string key) =>
        typeof(Places).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == key).Value!;
}
