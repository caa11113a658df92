using System.Globalization;
using Osv.Monitor.Guards.Count;

namespace Osv.Monitor.Guards.Tests;

/// <summary>
/// The count as the monitor's own build makes it (monitor/Monitor.targets), over a copy of the sources with a sample beside them that has
/// so many lines that a limit is reached, or just not.
/// </summary>
public sealed class TrustedBaseTests
{
    private const string Image = "artifacts/monitor/osv-monitor.img";

    [Theory]
    [InlineData("monitor/Startup/Sample.cs", 4_699, null)]
    [InlineData("monitor/Startup/Sample.cs", 4_700, "4700 lines of C#, the limit is 4699")]
    [InlineData("monitor/boot/long/sample.asm", 699, null)]
    [InlineData("monitor/boot/long/sample.asm", 700, "700 lines of assembly, the limit is 699")]
    public async Task Under_4700_lines_of_CSharp_and_700_of_assembly_the_build_goes_on_and_there_it_ends(string sample, int lines, string? words)
    {
        bool isAssembly = Path.GetExtension(sample) == ".asm";
        TrustedBase monitor = TrustedBase.Measure(Toolchain.MonitorSources(), Toolchain.Boot, Path.Combine(Toolchain.RepositoryRoot, Image));
        int missing = lines - (isAssembly ? monitor.AssemblyLines : monitor.CSharpLines);
        missing.ShouldBeGreaterThanOrEqualTo(0);
        DirectoryInfo folder = Directory.CreateTempSubdirectory("osv-trusted-");
        try
        {
            foreach (string input in Toolchain.BuildInputs.Append(Image)) Toolchain.Copy(input, folder.FullName);
            IEnumerable<string> code = Enumerable.Range(0, missing).Select(i => isAssembly ? "    nop" : string.Create(CultureInfo.InvariantCulture, $"public static class Sample{i};"));
            await File.WriteAllLinesAsync(Path.Combine(folder.FullName, sample), code, TestContext.Current.CancellationToken);

            (int status, string output) = await Toolchain.RunAsync(folder.FullName, "dotnet",
                ["msbuild", "monitor/Osv.Monitor.csproj", "-t:CountTrustedBase", "-p:Configuration=Release", $"-p:MonitorGuards={Toolchain.Guards}", "-nologo", "-nodeReuse:false"], TestContext.Current.CancellationToken);
            (status == 0).ShouldBe(words == null, output);
            output.ShouldContain("monitor: trusted base: ");
            if (words != null) output.ShouldContain($"error TrustedBase: {words}; ");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
