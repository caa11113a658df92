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

    private async Task Judge(int count)
    {
        ModelMutant[] all = [.. ModelMutant.All()];
        var traces = new List<string>();
        Configuration bounds = Bounds.ThreeCoresSmall;
        using (var shipped = new Spin(bounds))
        {
            for (int seed = 1; seed <= 5; seed++) traces.Add(await File.ReadAllTextAsync(ReplayTests.Write(shipped, bounds, new Random(seed), 2_000, []), TestContext.Current.CancellationToken));
        }
        int states = PolicyWalk.CountStates(bounds) + 1;
        List<string> survivors = [];
        int byProperty = 0, byCode = 0;
        foreach (ModelMutant mutant in all.OrderBy(mutant => Hash($"{mutant.Line} {mutant}")).Take(count))
        {
            (string verdict, bool property) = await JudgeAsync(mutant, traces, states);
            output.WriteLine($"{verdict}: {mutant}");
            if (verdict == "survived" && !s_equivalent.Contains(mutant.ToString())) survivors.Add(mutant.ToString());
            else if (property) byProperty++;
            else if (verdict != "survived") byCode++;
        }
        output.WriteLine($"{count} of {all.Length} mutants: {byProperty} break a property or the model, {byCode} differ from the code, {survivors.Count} survive");
        survivors.ShouldBeEmpty();
    }

    private static async Task<(string Verdict, bool Property)> JudgeAsync(ModelMutant mutant, List<string> traces, int states)
    {
        using var spin = new Spin(Bounds.ThreeCoresSmall);
        mutant.Apply(spin);
        string verifier = await spin.VerifierAsync("monitor.pml", ["-O1", "-DSAFETY", "-DNOCLAIM"], TestContext.Current.CancellationToken);
        string told = await spin.VerifyAsync("prlimit", TestContext.Current.CancellationToken, "--cpu=60", verifier, "-n", "-m1000000", "-w22");
        if (!told.Contains("errors: ", StringComparison.Ordinal)) return ("does not end", true);
        Search search = Search.Read(told);
        if (search.Errors != 0) return ($"breaks {told.Split('\n').First(line => line.StartsWith("pan:", StringComparison.Ordinal))}", true);
        if (search.States != states) return ($"has {search.States} states instead of {states}", false);
        verifier = await spin.VerifierAsync("replay.pml", ["-O1", "-DSAFETY"], TestContext.Current.CancellationToken);
        foreach (string trace in traces)
        {
            string path = Path.Combine(spin.Folder, "trace");
            await File.WriteAllTextAsync(path, trace, TestContext.Current.CancellationToken);
            if (Search.Read(await spin.ReplayAsync(verifier, path, TestContext.Current.CancellationToken)).Errors != 0) return ("differs from the code's trace", false);
        }
        return ("survived", false);
    }

    /// <summary>FNV-1a: the same sample in every run.</summary>
    private static ulong Hash(string text)
    {
        ulong hash = 0xCBF2_9CE4_8422_2325;
        foreach (byte letter in Encoding.UTF8.GetBytes(text)) hash = unchecked((hash ^ letter) * 0x0000_0100_0000_01B3);
        return hash;
    }
}
