using System.Globalization;
using Osv.Mutation;

// Osv.Mutation [COUNT | FROM-TO] [LIST]: judges COUNT mutants of monitor/Policy (all without), always the same ones, or a part of their order. LIST names the
// survivors that are argued to be equivalent; any other survivor is told and makes the exit code 1.
if (args is [Worker.Argument])
{
    await Worker.ServeAsync();
    return 0;
}

var policy = new Policy();
if (policy.Compile(null) is not { } shipped) throw new InvalidOperationException("the policy as shipped does not compile here: see Policy.cs for the references it gets");
if (await Checks.RunAsync(shipped, "") is { } broken) throw new InvalidOperationException($"the policy as shipped fails {broken}: mend that first");

int[] part = args.Length > 0 ? [.. args[0].Split('-').Select(number => int.Parse(number, CultureInfo.InvariantCulture))] : [policy.Mutants.Count];
(int from, int to) = part.Length == 1 ? (0, part[0]) : (part[0], part[1]);
HashSet<string> equivalent = args.Length > 1 ? [.. File.ReadLines(args[1]).Where(line => line.Contains(" | ", StringComparison.Ordinal)).Select(line => line.Trim())] : [];
// By name, not by place: a change of one line leaves all others where they are. Those of one name keep their order.
int[] chosen = [.. Enumerable.Range(0, policy.Mutants.Count).OrderBy(i => Hash(policy.Mutants[i].Name)).Take(to).Skip(from)];

var verdicts = new SortedDictionary<string, SortedDictionary<string, int>>(StringComparer.Ordinal);
int killed = 0, survived = 0, argued = 0, stillborn = 0;
using var worker = new Worker();
foreach (int i in chosen)
{
    Mutant mutant = policy.Mutants[i];
    string verdict = await worker.JudgeAsync(i);
    string kind;
    if (verdict.StartsWith("killed", StringComparison.Ordinal))
    {
        killed++;
        kind = verdict.StartsWith("killed by explorer", StringComparison.Ordinal) ? "killed by the explorer alone" : "killed by unit tests";
    }
    else if (verdict != "survived")
    {
        stillborn++;
        kind = "does not compile";
    }
    else if (equivalent.Contains(mutant.Name))
    {
        argued++;
        kind = "survived, argued equivalent";
    }
    else
    {
        survived++;
        kind = "survived";
    }
    Console.WriteLine($"{verdict}: {mutant.Name}");
    SortedDictionary<string, int> row = verdicts.TryGetValue(mutant.Rule, out SortedDictionary<string, int>? known) ? known : verdicts[mutant.Rule] = new(StringComparer.Ordinal);
    row[kind] = row.GetValueOrDefault(kind) + 1;
}
foreach ((string rule, SortedDictionary<string, int> row) in verdicts)
    Console.WriteLine($"{rule}: {string.Join(", ", row.Select(entry => $"{entry.Value} {entry.Key}"))}");
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{chosen.Length} of {policy.Mutants.Count} mutants: {killed} killed, {argued} equivalent, {survived} survived, {stillborn} do not compile"));
return survived == 0 ? 0 : 1;

// FNV-1a: the same in every process.
static ulong Hash(string text)
{
    ulong hash = 0xCBF2_9CE4_8422_2325;
    foreach (char letter in text) hash = unchecked((hash ^ letter) * 0x0000_0100_0000_01B3);
    return hash;
}
