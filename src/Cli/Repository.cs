namespace Osv.Cli;

/// <summary>The working copy this command belongs to.</summary>
internal static class Repository
{
    /// <summary>Set by the <c>osv</c> script.</summary>
    public static string Root { get; } =
        Environment.GetEnvironmentVariable("OSV_ROOT")
        ?? throw new InvalidOperationException("OSV_ROOT is not set: start this through the script 'osv' at the root of the repository");

    /// <summary>Where the cloud of this working copy keeps its state: OSV_HOME, or .osv at the root.</summary>
    public static string Home { get; } = Environment.GetEnvironmentVariable("OSV_HOME") is { Length: > 0 } home ? Path.GetFullPath(home) : Path.Combine(Root, ".osv");

    public static string Artifacts(params string[] parts) => Path.Combine([Root, "artifacts", .. parts]);
}
