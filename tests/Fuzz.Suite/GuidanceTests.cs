using Osv.Fuzz.Engine;

namespace Osv.Fuzz.Tests;

/// <summary>The fuzzer finds what it should: shipped code with one line changed, beginning with nothing but the targets' seeds.</summary>
public sealed class GuidanceTests(ITestOutputHelper output)
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(3);
    private const uint Seed = 1;

    public static TheoryData<string> Faults => [.. SeededFault.All.Select(fault => fault.Name)];

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task A_seeded_fault_is_found(string name)
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        SeededFault fault = SeededFault.All.Single(one => one.Name == name);
        string folder = Directory.CreateTempSubdirectory("osv-fault-").FullName;
        try
        {
            string assembly = await FaultyAssembly.CompileAsync(fault, folder, cancel);
            string program = Workshop.Prepare(Path.Combine(folder, "program"), new Dictionary<string, string> { [fault.Assembly] = assembly });
            FuzzResult result = await new Campaign(program).RunAsync(fault.Target, [SeedsOf(fault.Target, folder)], 20_000_000, s_limit, Seed, cancel);
            output.WriteLine($"{name}: {result.Seconds:F1} s");
            result.Finding.ShouldNotBeNull($"{fault.Target} did not see it in {result.Executions} executions");
            output.WriteLine(result.Finding.Message.Split('\n')[0]);
            result.Finding.Message.ShouldContain(fault.Says);

            // The shipped code stands the same input.
            await new Campaign(Workshop.Prepare()).ReplayAsync(fault.Target, [result.Finding.File], cancel);
            File.Delete(result.Finding.File);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task Coverage_grows_from_an_empty_corpus()
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        var campaign = new Campaign(Workshop.Prepare());
        string folder = Directory.CreateTempSubdirectory("osv-fuzz-").FullName;
        try
        {
            string empty = Path.Combine(folder, "empty"), found = Path.Combine(folder, "found");
            await File.WriteAllBytesAsync(empty, [], cancel);
            Directory.CreateDirectory(found);
            ReplayResult before = await campaign.ReplayAsync("control", [empty], cancel);
            FuzzResult result = await campaign.RunAsync("control", [found], 200_000, s_limit, Seed, cancel);
            result.Finding.ShouldBeNull();
            ReplayResult after = await campaign.ReplayAsync("control", Directory.EnumerateFiles(found), cancel);
            output.WriteLine($"{before.Edges} edges with nothing, {after.Edges} after {result.Executions} executions");
            after.Edges.ShouldBeGreaterThan(before.Edges + 100);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string SeedsOf(string target, string folder)
    {
        string seeds = Path.Combine(folder, "seeds");
        CommandLine.WriteSeeds(FuzzTarget.Named(target), seeds);
        return seeds;
    }
}
