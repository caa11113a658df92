using Osv.Images;

namespace Osv.Cli.Cloud;

/// <summary>A program of the cloud in a folder of its own, so that a build of the tests never replaces files it runs from.</summary>
/// <param name="name">Of the folder below artifacts.</param>
/// <param name="project">From the root, without its extension.</param>
/// <param name="sources">Folders that it is made of, from the root.</param>
internal sealed class ProgramBuild(string root, string name, string project, string[] sources)
{
    public static ProgramBuild Host(string root) =>
        new(root, "host", "src/Web/Osv.Web", ["src/Web", "src/Scheduler", "src/Placement", "src/Contracts", "src/Contracts.Node", "db", "deploy/netboot"]);

    public static ProgramBuild Switch(string root) => new(root, "switch", "deploy/switch/Osv.Switch", ["deploy/switch", "deploy/rack", "src/Contracts"]);

    /// <summary>Path of the program.</summary>
    public string Assembly { get; } = Path.Combine(root, "artifacts", name, Path.GetFileName(project) + ".dll");

    public bool IsFresh => BuildStamp.Of(root, sources).IsOn(Assembly);

    public async Task RunAsync(CancellationToken cancel)
    {
        string folder = Path.GetDirectoryName(Assembly)!;
        BuildStamp stamp = BuildStamp.Of(root, sources);
        if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        await Tool.RunAsync("dotnet", ["publish", Path.Combine(root, project + ".csproj"), "-c", "Release", "-v", "q", "-nologo", "-nodeReuse:false", "-o", folder], cancel).ConfigureAwait(false);
        stamp.PutOn(Assembly);
    }
}
