using System.Globalization;
using Osv.Contracts.ControlDevice;
using Osv.Model.Explorer;

[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Osv.Promela;

/// <summary>Model and code do the same: what one does, the other can do, with the same answer and the same state after it.</summary>
public sealed class ReplayTests(ITestOutputHelper output)
{
    private static readonly int s_kinds = Enum.GetValues<StepKind>().Length;
    private static readonly Configuration[] s_nodes = [Bounds.ThreeCores, Bounds.ManagementOnTwo, Bounds.Pairs, Bounds.Large, Bounds.TwoFunctions, Bounds.TenantFunction];

    [Fact]
    public async Task The_code_takes_every_step_of_random_runs_of_the_model_with_the_same_outcome()
    {
        const int Runs = 5, Moves = 1_000_000;
        HashSet<StepKind> all = [];
        foreach (Configuration bounds in s_nodes)
        {
            using var spin = new Spin(bounds);
            var kinds = new SortedDictionary<StepKind, int>();
            for (int seed = 1; seed <= Runs; seed++)
            {
                string told = await spin.SimulateAsync(seed, Moves, TestContext.Current.CancellationToken);
                var walk = new PolicyWalk(bounds);
                foreach ((int[] step, int[] state) in Told.Read(told))
                {
                    walk.Follow(step, state).ShouldBeNull();
                    if (step[0] == Told.Boot) continue;
                    var kind = (StepKind)step[0];
                    kinds[kind] = kinds.GetValueOrDefault(kind) + 1;
                }
            }
            output.WriteLine($"{bounds}: {Runs} runs, {kinds.Values.Sum():N0} steps: {string.Join(", ", kinds)}");
            all.UnionWith(kinds.Keys);
        }
        all.Count.ShouldBe(s_kinds, "a kind of step did not occur");
    }

    [Fact]
    public async Task The_model_takes_every_step_of_random_walks_of_the_code_with_the_same_outcome()
    {
        const int Walks = 10, Length = 2_000;
        HashSet<StepKind> all = [];
        foreach (Configuration bounds in s_nodes)
        {
            using var spin = new Spin(bounds);
            string verifier = await spin.VerifierAsync("replay.pml", ["-O1", "-DSAFETY"], TestContext.Current.CancellationToken);
            var kinds = new SortedDictionary<StepKind, int>();
            var answers = new SortedDictionary<ControlStatus, int>();
            for (int seed = 1; seed <= Walks; seed++)
            {
                List<Step> steps = [];
                string trace = Write(spin, bounds, new Random(seed), Length, steps);
                foreach (Step step in steps)
                {
                    kinds[step.Kind] = kinds.GetValueOrDefault(step.Kind) + 1;
                    if (step.Kind == StepKind.Control) answers[step.Status] = answers.GetValueOrDefault(step.Status) + 1;
                }
                Search search = Search.Read(await spin.ReplayAsync(verifier, trace, TestContext.Current.CancellationToken));
                search.ShouldHold();
                search.States.ShouldBeGreaterThan(steps.Count, "the model stopped on the way");
            }
            output.WriteLine($"{bounds}: {Walks} walks, {kinds.Values.Sum():N0} steps: {string.Join(", ", kinds)}; answers: {string.Join(", ", answers)}");
            all.UnionWith(kinds.Keys);
        }
        all.Count.ShouldBe(s_kinds, "a kind of step did not occur");
    }

    /// <summary>Walks, and writes the walk down for replay.pml. Returns the file's name.</summary>
    internal static string Write(Spin spin, Configuration bounds, Random random, int length, List<Step> steps)
    {
        var walk = new PolicyWalk(bounds);
        List<string> lines = [];
        while (steps.Count < length && walk.Random(random) is { } step)
        {
            steps.Add(step);
            lines.Add($"{Told.Words(Told.Step(in step))} {Told.Words(Told.State(walk.World, bounds))}");
        }
        int width = 6 + Told.State(walk.World, bounds).Length;
        string trace = Path.Combine(spin.Folder, "trace");
        File.WriteAllLines(trace, [string.Create(CultureInfo.InvariantCulture, $"{steps.Count} {width}"), .. lines]);
        return trace;
    }

    [Fact]
    public async Task Model_and_code_reach_the_same_number_of_states()
    {
        foreach (Configuration bounds in (Configuration[])[Bounds.ManagementOnTwo, Bounds.ThreeCores, Bounds.TwoFunctions, Bounds.TenantFunction])
        {
            Search model = await Search.OfAllStatesAsync(bounds);
            model.ShouldHold();
            int code = PolicyWalk.CountStates(bounds);
            output.WriteLine($"{bounds}: model {model}; code {code:N0} states");
            // The model begins a step earlier: before partition 0 is made.
            model.States.ShouldBe(code + 1);
        }
    }
}
