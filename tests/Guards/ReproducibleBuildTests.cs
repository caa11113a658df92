namespace Osv.Monitor.Guards.Tests;

public sealed class ReproducibleBuildTests
{
    private static readonly string[] Inputs = ["monitor", "src/Contracts", "Directory.Build.props", "Directory.Packages.props", "global.json", ".editorconfig"];

    [Fact]
    public async Task Two_builds_in_folders_of_different_names_give_the_same_bytes()
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory("osv-again-");
        try
        {
            string first = Path.Combine(folder.FullName, "a"), second = Path.Combine(folder.FullName, "a-folder-with-a-much-longer-name", "and-one-in-it");
            await BuildAsync(first);
            await BuildAsync(second);
            foreach (string output in (string[])["artifacts/monitor/osv-monitor.img", "monitor/obj/Release/net10.0/Osv.Monitor.dll"])
            {
                byte[] one = await File.ReadAllBytesAsync(Path.Combine(first, output), TestContext.Current.CancellationToken);
                byte[] two = await File.ReadAllBytesAsync(Path.Combine(second, output), TestContext.Current.CancellationToken);
                one.ShouldNotBeEmpty();
                two.AsSpan().SequenceEqual(one).ShouldBeTrue($"{output} differs: something of the path, the time or the machine got in");
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task BuildAsync(string folder)
    {
        foreach (string input in Inputs) Copy(Path.Combine(Toolchain.RepositoryRoot, input), Path.Combine(folder, input));
        (int status, string output) = await Toolchain.RunAsync(folder, "dotnet", ["build", "monitor/Osv.Monitor.csproj", "-c", "Release", "-nologo", "-nodeReuse:false", "-p:RunAnalyzers=false"], TestContext.Current.CancellationToken);
        status.ShouldBe(0, output);
    }

    private static void Copy(string from, string to)
    {
        if (File.Exists(from))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.Copy(from, to);
            return;
        }
        foreach (string entry in Directory.EnumerateFileSystemEntries(from).Where(entry => Path.GetFileName(entry) is not ("bin" or "obj")))
            Copy(entry, Path.Combine(to, Path.GetFileName(entry)));
    }
}
