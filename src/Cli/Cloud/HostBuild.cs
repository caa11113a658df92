using Osv.Images;

namespace Osv.Cli.Cloud;

/// <summary>The control plane's program in a folder of its own, so that a build of the tests never replaces files it runs from.</summary>
internal sealed class HostBuild(string root)
{
    private static readonly string[] s_sources = ["src/Web", "src/Scheduler", "src/Placement", "src/Contracts", "src/Contracts.Node", "db", "deploy/netboot"];

    /// <summary>Path of the program.</summary>
    public static string Assembly(string root) => Path.Combine(root, "artifacts", "host", "Osv.Web.dll");

    public bool IsFresh => BuildStamp.Of(root, s_sources).IsOn(Assembly(root));

    public async Task RunAsync(CancellationToken cancel)
    {
        string assembly = Assembly(root), folder = Path.GetDirectoryName(assembly)!;
        BuildStamp stamp = BuildStamp.Of(root, s_sources);
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        await Tool.RunAsync("dotnet", ["publish", Path.Combine(root, "src", "Web", "Osv.Web.csproj"), "-c", "Release", "-v", "q", "-nologo", "-nodeReuse:false", "-o", folder], cancel).ConfigureAwait(false);
        stamp.PutOn(assembly);
    }
}
