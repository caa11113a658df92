using System.Globalization;
using System.Text.RegularExpressions;
using Osv.Model.Explorer;

namespace Osv.Promela;

/// <summary>What a verifier said at its end.</summary>
/// <param name="Complete">No bound of depth or memory cut the search short.</param>
/// <param name="States">Distinct states.</param>
internal sealed partial record Search(bool Complete, int Errors, long States, long Transitions, int Depth, double Mebibytes, double Seconds, string Output)
{
    private static readonly Dictionary<Configuration, Search> s_all = [];

    /// <summary>Every state of a node, with the assertions. Two tests ask for it: it is done once.</summary>
    public static async Task<Search> OfAllStatesAsync(Configuration bounds)
    {
        if (s_all.TryGetValue(bounds, out Search? known)) return known;
        CancellationToken cancel = TestContext.Current.CancellationToken;
        using var spin = new Spin(bounds);
        string verifier = await spin.VerifierAsync("monitor.pml", ["-O2", "-DSAFETY", "-DNOCLAIM"], cancel);
        return s_all[bounds] = Read(await spin.VerifyAsync(verifier, cancel, "-n", "-m3000000", "-w22"));
    }

    public static Search Read(string output)
    {
        Match summary = Summary().Match(output);
        summary.Success.ShouldBeTrue(output);
        bool complete = !output.Contains("Search not completed", StringComparison.Ordinal) && !output.Contains("max search depth too small", StringComparison.Ordinal);
        return new Search(
            complete, int.Parse(summary.Groups[2].Value, CultureInfo.InvariantCulture), Number(StoredStates()), Number(AllTransitions()),
            int.Parse(summary.Groups[1].Value, CultureInfo.InvariantCulture), Real(Memory()), Real(Elapsed()), output);

        long Number(Regex pattern) => long.Parse(Found(pattern), CultureInfo.InvariantCulture);
        double Real(Regex pattern) => double.Parse(Found(pattern), CultureInfo.InvariantCulture);

        string Found(Regex pattern)
        {
            Match match = pattern.Match(output);
            match.Success.ShouldBeTrue(output);
            return match.Groups[1].Value;
        }
    }

    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{States:N0} states, {Transitions:N0} transitions, depth {Depth:N0}, {Seconds:F1} s, {Mebibytes:F0} MiB, {Errors} errors");

    /// <summary>Holds in all states, and all were seen.</summary>
    public void ShouldHold()
    {
        Errors.ShouldBe(0, Output);
        Complete.ShouldBeTrue(Output);
    }

    [GeneratedRegex(@"depth reached (\d+).*errors: (\d+)")]
    private static partial Regex Summary();

    /// <summary>In a search with fairness the number without copies is in brackets, after "visited".</summary>
    [GeneratedRegex(@"^\s*(\d+) states, stored", RegexOptions.Multiline)]
    private static partial Regex StoredStates();

    [GeneratedRegex(@"^\s*(\d+) transitions", RegexOptions.Multiline)]
    private static partial Regex AllTransitions();

    [GeneratedRegex(@"^\s*([\d.]+)\s+total actual memory usage", RegexOptions.Multiline)]
    private static partial Regex Memory();

    [GeneratedRegex(@"elapsed time ([\d.]+) seconds")]
    private static partial Regex Elapsed();
}
