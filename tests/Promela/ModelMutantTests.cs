using System.Text;
using Osv.Model.Explorer;

namespace Osv.Promela;

/// <summary>A changed model is noticed: a property breaks, or the code's traces do not fit it, or it has other states.</summary>
public sealed class ModelMutantTests(ITestOutputHelper output)
{
    private const int Sampled = 5;

    /// <summary>Survivors that change nothing, with the reason, in monitor/model/equivalent.txt.</summary>
    private static readonly HashSet<string> s_equivalent = [.. File.ReadLines(Path.Combine(Spin.Sources, "equivalent.txt")).Select(line => line.Trim())];

    [Fact]
    public Task A_sample_of_mutants_is_noticed() => Judge(Sampled);

    /// <summary>With -explicit only: minutes.</summary>
    [Fact(Explicit = true)]
    public Task Twenty_mutants_are_noticed() => Judge(20);

    /// <summary>With -explicit only: a minute.</summary>
    [Fact(Explicit = true)]
    public Task All_mutants_of_the_devices_are_noticed() => Judge([.. ModelMutant.All().Where(mutant => mutant.File == ModelMutant.Devices)]);

    private Task Judge(int count) => Judge([.. ModelMutant.All().OrderBy(mutant => Hash($"{mutant.Line} {mutant}")).Take(count)]);

    private async Task Judge(ModelMutant[] mutants)
    {
        // A small node with functions first. What is not seen there may be seen beside another tenant.
        Shipped small = await Shipped.OfAsync(Bounds.TwoFunctions, "-O0");
        var larger = new Dictionary<Configuration, Shipped>();
        List<string> survivors = [];
        int byProperty = 0, byCode = 0;
        foreach (ModelMutant mutant in mutants)
        {
            (string verdict, bool property) = await small.JudgeAsync(mutant.Apply);
            if (verdict == Survived)
            {
                Configuration bounds = mutant.File == ModelMutant.Devices ? Bounds.TenantFunction : Bounds.ThreeCoresSmall;
                if (!larger.TryGetValue(bounds, out Shipped? node)) larger[bounds] = node = await Shipped.OfAsync(bounds, "-O1");
                (verdict, property) = await node.JudgeAsync(mutant.Apply);
            }
            output.WriteLine($"{verdict}: {mutant}");
            if (verdict == Survived && !s_equivalent.Contains(mutant.ToString())) survivors.Add(mutant.ToString());
            else if (property) byProperty++;
            else if (verdict != Survived) byCode++;
        }
        output.WriteLine($"{mutants.Length} of {ModelMutant.All().Count()} mutants: {byProperty} break a property or the model, {byCode} differ from the code, {survivors.Count} survive");
        survivors.ShouldBeEmpty();
    }

    /// <summary>Faults that lie near, as in tests/Model/SeededFault.cs for the code: each breaks a property.</summary>
    [Fact]
    public async Task Every_seeded_fault_of_the_devices_breaks_a_property()
    {
        Shipped node = await Shipped.OfAsync(Bounds.TwoFunctions, "-O0");
        (await node.JudgeAsync(_ => { })).Verdict.ShouldBe(Survived, "the model as it is");
        await Parallel.ForEachAsync(DeviceFault.All, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = TestContext.Current.CancellationToken }, async (fault, _) =>
        {
            (string verdict, bool _) = await node.JudgeAsync(fault.Apply);
            output.WriteLine($"{fault.Name}: {verdict}");
            verdict.ShouldStartWith(Breaks, Case.Sensitive, fault.Name);
        });
    }

    /// <summary>Verifiers that are made and run at a time.</summary>
    private const int AtOnce = 2;
    private const string Survived = "survived", Breaks = "breaks pan:";

    /// <summary>What the shipped model and code do on a node: changed ones are told from them by that.</summary>
    private sealed record Shipped(Configuration Bounds, string Optimisation, List<string> Traces, int States)
    {
        public static async Task<Shipped> OfAsync(Configuration bounds, string optimisation)
        {
            var traces = new List<string>();
            using var spin = new Spin(bounds);
            for (int seed = 1; seed <= 5; seed++) traces.Add(await File.ReadAllTextAsync(ReplayTests.Write(spin, bounds, new Random(seed), 2_000, []), TestContext.Current.CancellationToken));
            return new Shipped(bounds, optimisation, traces, PolicyWalk.CountStates(bounds) + 1);
        }

        public async Task<(string Verdict, bool Property)> JudgeAsync(Action<Spin> change)
        {
            CancellationToken cancel = TestContext.Current.CancellationToken;
            using var spin = new Spin(Bounds);
            change(spin);
            string verifier = await spin.VerifierAsync("monitor.pml", [Optimisation, "-DSAFETY", "-DNOCLAIM"], cancel);
            string told = await spin.VerifyAsync("prlimit", cancel, "--cpu=120", verifier, "-n", "-m1000000", "-w22");
            if (!told.Contains("errors: ", StringComparison.Ordinal)) return ("does not end", true);
            Search search = Search.Read(told);
            if (search.Errors != 0) return ($"{Breaks}{told.Split('\n').First(line => line.StartsWith("pan:", StringComparison.Ordinal))[4..]}", true);
            if (search.States != States) return ($"has {search.States} states instead of {States}", false);
            verifier = await spin.VerifierAsync("replay.pml", ["-O1", "-DSAFETY"], cancel);
            foreach (string trace in Traces)
            {
                string path = Path.Combine(spin.Folder, "trace");
                await File.WriteAllTextAsync(path, trace, cancel);
                if (Search.Read(await spin.ReplayAsync(verifier, path, cancel)).Errors != 0) return ("differs from the code's trace", false);
            }
            return (Survived, false);
        }
    }

    /// <summary>FNV-1a: the same sample in every run.</summary>
    private static ulong Hash(string text)
    {
        ulong hash = 0xCBF2_9CE4_8422_2325;
        foreach (byte letter in Encoding.UTF8.GetBytes(text)) hash = unchecked((hash ^ letter) * 0x0000_0100_0000_01B3);
        return hash;
    }
}
