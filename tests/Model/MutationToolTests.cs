using System.Diagnostics;
using System.Reflection;

namespace Osv.Model;

/// <summary>The program that judges all mutants runs for hours, on demand; here it judges its first two, so that it keeps step with the policy and the explorer.</summary>
public sealed class MutationToolTests
{
    [Fact]
    public async Task The_policy_as_shipped_passes_and_mutants_of_it_do_not()
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        using Process tool = Process.Start(new ProcessStartInfo("dotnet", [Metadata("MutationTool"), "2", Metadata("EquivalentMutants")]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> errors = tool.StandardError.ReadToEndAsync(cancel);
        string said = await tool.StandardOutput.ReadToEndAsync(cancel);
        await tool.WaitForExitAsync(cancel);
        tool.ExitCode.ShouldBe(0, said + await errors);
        said.ShouldContain("mutants: 2 killed, 0 equivalent, 0 survived");
    }

    private static string Metadata(string key) => typeof(MutationToolTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(data => data.Key == key).Value!;
}
