namespace Osv.Monitor.Guards.Tests;

public sealed class ReproducibleBuildTests
{
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
        foreach (string input in Toolchain.BuildInputs) Toolchain.Copy(input, folder);
        (int status, string output) = await Toolchain.RunAsync(folder, "dotnet", ["build", "monitor/Osv.Monitor.csproj", "-c", "Release", "-nologo", "-nodeReuse:false", "-p:RunAnalyzers=false"], TestContext.Current.CancellationToken);
        status.ShouldBe(0, output);
    }
}
