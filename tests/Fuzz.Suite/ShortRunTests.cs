using Osv.Fuzz.Engine;

namespace Osv.Fuzz.Tests;

/// <summary>Every target: its kept inputs, then new ones for some seconds.</summary>
public sealed class ShortRunTests(ITestOutputHelper output)
{
    /// <summary>All targets together: a minute on two cores that are free.</summary>
    private const long Executions = 1_000_000;
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(6);
    /// <summary>The same inputs each time: what is new is for the long run to find, not for a change that has nothing to do with it.</summary>
    private const uint Seed = 2013;

    public static TheoryData<string> Targets => [.. FuzzTarget.All.Select(target => target.Name)];

    [Theory]
    [MemberData(nameof(Targets))]
    public async Task No_input_breaks_an_invariant(string name)
    {
        CancellationToken cancel = TestContext.Current.CancellationToken;
        var campaign = new Campaign(Workshop.Prepare());
        string kept = Places.Corpus(name);
        Directory.Exists(kept).ShouldBeTrue($"{name} has no corpus: dotnet {Path.Combine(Places.Program, "Osv.Fuzz.dll")} run {name}, then minimise {name}");
        ReplayResult before = await campaign.ReplayAsync(name, Places.Kept(name), cancel);
        output.WriteLine($"{name}: {before.Inputs} kept inputs reach {before.Edges} edges");
        string found = Directory.CreateTempSubdirectory("osv-fuzz-").FullName;
        try
        {
            ReplayResult seeds = await campaign.ReplayAsync(name, CommandLine.WriteSeeds(FuzzTarget.Named(name), found), cancel);
            before.Edges.ShouldBeGreaterThanOrEqualTo(seeds.Edges * 9 / 10, "the seeds reach what the kept inputs do not: these are of a form that the code does not take any more");
            double weights = FuzzTarget.All.Sum(target => target.Weight);
            long share = Math.Max(500, (long)(Executions * FuzzTarget.Named(name).Weight / weights));
            FuzzResult result = await campaign.RunAsync(name, [found, kept], share, s_limit, Seed, cancel);
            output.WriteLine(result.ToString());
            if (result.Finding is { } finding) Assert.Fail($"{name}: {finding.Message}\nthe input is {finding.File}; again: {CommandLine.Replay(name, finding.File)}");
            result.Executions.ShouldBePositive();
        }
        finally
        {
            Directory.Delete(found, recursive: true);
        }
    }
}
