using System.Text.RegularExpressions;
using Osv.Model.Explorer;

namespace Osv.Promela;

/// <summary>SPIN visits every state of the model in monitor/model; figures are printed. Its README says what each property means.</summary>
public sealed partial class PropertyTests(ITestOutputHelper output)
{
    [Fact]
    public Task No_assertion_fails_with_two_tenants_on_three_cores_and_three_pages() => Search(Bounds.ThreeCores, atLeast: 300_000);

    [Fact]
    public Task No_assertion_fails_with_partition_0_on_two_cores() => Search(Bounds.ManagementOnTwo, atLeast: 60_000);

    [Fact]
    public Task No_assertion_fails_with_a_function_of_partition_0_and_one_of_tenants() => Search(Bounds.TwoFunctions, atLeast: 3_000);

    [Fact]
    public Task No_assertion_fails_with_a_function_that_two_tenants_can_have() => Search(Bounds.TenantFunction, atLeast: 900_000);

    /// <param name="atLeast">Fewer states mean that the model has lost behaviour.</param>
    private async Task Search(Configuration bounds, long atLeast)
    {
        Search search = await Promela.Search.OfAllStatesAsync(bounds);
        output.WriteLine($"{bounds}: {search}");
        search.ShouldHold();
        search.States.ShouldBeGreaterThan(atLeast);
    }

    [Fact]
    public Task Every_temporal_formula_holds() => CheckFormulas(Bounds.ThreeCoresSmall);

    [Fact]
    public Task Every_temporal_formula_holds_with_functions() => CheckFormulas(Bounds.TwoFunctions);

    /// <summary>One verifier knows all formulas; each is a search of its own, with weak fairness.</summary>
    private async Task CheckFormulas(Configuration bounds)
    {
        string[] formulas = [.. Formula().Matches(await File.ReadAllTextAsync(Path.Combine(Spin.Sources, "ltl.pml"), TestContext.Current.CancellationToken)).Select(match => match.Groups[1].Value)];
        formulas.Length.ShouldBeGreaterThan(5);
        using var spin = new Spin(bounds);
        string verifier = await spin.VerifierAsync("monitor.pml", ["-O2", "-DNFAIR=3"], TestContext.Current.CancellationToken, "-DLOOKS");
        IEnumerable<string> checkable = formulas.Where(formula => bounds.Functions != 0 || !formula.StartsWith("function_", StringComparison.Ordinal));
        var atOnce = new ParallelOptions { MaxDegreeOfParallelism = 2, CancellationToken = TestContext.Current.CancellationToken };
        await Parallel.ForEachAsync(checkable, atOnce, async (formula, cancel) =>
        {
            Search search = Promela.Search.Read(await spin.VerifyAsync(verifier, cancel, "-a", "-f", "-N", formula, "-n", "-m3000000", "-w22"));
            output.WriteLine($"{formula}: {search}");
            search.Output.ShouldContain($"ltl formula {formula}");
            search.ShouldHold();
        });
    }

    [Fact]
    public async Task Without_fairness_a_stop_need_not_end()
    {
        using var spin = new Spin(Bounds.ThreeCoresSmall);
        string verifier = await spin.VerifierAsync("monitor.pml", ["-O1"], TestContext.Current.CancellationToken, "-DLOOKS");
        Search search = Promela.Search.Read(await spin.VerifyAsync(verifier, TestContext.Current.CancellationToken, "-a", "-N", "stop_ends", "-n", "-m3000000", "-w22"));
        output.WriteLine($"stop_ends without fairness: {search}");
        search.Output.ShouldContain("acceptance cycle");
    }

    [GeneratedRegex(@"^ltl (\w+)", RegexOptions.Multiline)]
    private static partial Regex Formula();
}
