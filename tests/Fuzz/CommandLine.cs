using System.Globalization;
using System.Text.Json;
using Osv.Fuzz.Engine;

namespace Osv.Fuzz;

/// <summary>What a person asks of the program.</summary>
internal static class CommandLine
{
    public static int Usage()
    {
        Console.Error.WriteLine("""
            usage: Osv.Fuzz list
                   Osv.Fuzz run [TARGET ...] [--long N] [--minutes M] [--workers W]   N executions in all (1,000,000), spread by the targets' weights
                   Osv.Fuzz replay TARGET FILE ...                                    each file once
                   Osv.Fuzz minimise [TARGET ...]                                     kept and found inputs into the kept corpus, as few as show the same
            """);
        return 2;
    }

    public static int List()
    {
        foreach (FuzzTarget target in FuzzTarget.All) Console.WriteLine($"{target.Name,-10} {target.Surface}");
        return 0;
    }

    public static async Task<int> RunAsync(string[] arguments)
    {
        long executions = 1_000_000;
        double minutes = 24 * 60;
        int workers = Environment.ProcessorCount;
        var targets = new List<FuzzTarget>();
        for (int i = 0; i < arguments.Length; i++)
        {
            string Value() => ++i < arguments.Length ? arguments[i] : throw new ArgumentException($"{arguments[i - 1]} wants a number");
            switch (arguments[i])
            {
                case "--long": executions = long.Parse(Value(), CultureInfo.InvariantCulture); break;
                case "--minutes": minutes = double.Parse(Value(), CultureInfo.InvariantCulture); break;
                case "--workers": workers = int.Parse(Value(), CultureInfo.InvariantCulture); break;
                default: targets.Add(FuzzTarget.Named(arguments[i])); break;
            }
        }
        if (targets.Count == 0) targets.AddRange(FuzzTarget.All);
        var campaign = new Campaign(Workshop.Prepare());
        double weights = targets.Sum(target => target.Weight);
        List<FuzzResult> results = [];
        await Parallel.ForEachAsync(targets, new ParallelOptions { MaxDegreeOfParallelism = workers }, async (target, cancel) =>
        {
            long share = (long)(executions * target.Weight / weights);
            FuzzResult result = await campaign.RunAsync(target.Name, Folders(target), share, TimeSpan.FromMinutes(minutes), seed: 0, cancel).ConfigureAwait(false);
            lock (results) results.Add(result);
            Console.WriteLine(result.ToString());
        }).ConfigureAwait(false);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{results.Sum(result => result.Executions):N0} executions in all, {results.Count(result => result.Finding is not null)} findings"));
        Record(results);
        foreach (FuzzResult result in results.Where(result => result.Finding is not null)) Console.WriteLine($"{result.Target}: {result.Finding!.Message}\n  replay: {Replay(result.Target, result.Finding.File)}");
        return results.Exists(result => result.Finding is not null) ? 1 : 0;
    }

    /// <summary>How a finding is executed again.</summary>
    public static string Replay(string target, string file) => $"dotnet {Path.Combine(Places.Program, "Osv.Fuzz.dll")} replay {target} {file}";

    /// <summary>
    /// What has been found on this machine, with the seeds, and what is kept. The seeds are there each time: what is kept may be of a form that the code
    /// does not take any more.
    /// </summary>
    private static string[] Folders(FuzzTarget target)
    {
        string found = Places.Found(target.Name), kept = Places.Corpus(target.Name);
        WriteSeeds(target, found);
        Directory.CreateDirectory(kept);
        return [found, kept];
    }

    /// <returns>The files.</returns>
    public static IReadOnlyList<string> WriteSeeds(FuzzTarget target, string folder)
    {
        Directory.CreateDirectory(folder);
        var files = new List<string>();
        foreach (byte[] seed in target.Seeds())
        {
            files.Add(Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{files.Count}")));
            File.WriteAllBytes(files[^1], seed);
        }
        return files;
    }

    public static async Task<int> ReplayAsync(string target, string[] files)
    {
        ReplayResult result = await new Campaign(Workshop.Prepare()).ReplayAsync(target, files, CancellationToken.None).ConfigureAwait(false);
        Console.WriteLine($"{target}: {result.Inputs} inputs, {result.Edges} edges, nothing broke");
        return 0;
    }

    public static async Task<int> MinimiseAsync(string[] targets)
    {
        var campaign = new Campaign(Workshop.Prepare());
        foreach (FuzzTarget target in targets.Length == 0 ? FuzzTarget.All : [.. targets.Select(FuzzTarget.Named)])
        {
            string kept = Places.Corpus(target.Name), merged = kept + ".new";
            Directory.CreateDirectory(merged);
            await campaign.MinimiseAsync(target.Name, merged, Folders(target), CancellationToken.None).ConfigureAwait(false);
            if (Directory.GetFiles(merged).Length == 0) throw new InvalidOperationException($"{target.Name}: libFuzzer has merged nothing; the kept corpus stays as it is");
            if (Directory.Exists(kept)) Directory.Delete(kept, recursive: true);
            Directory.Move(merged, kept);
            string[] files = Directory.GetFiles(kept);
            Console.WriteLine($"{target.Name}: {files.Length} inputs, {files.Sum(file => new FileInfo(file).Length)} bytes");
        }
        return 0;
    }

    /// <summary>artifacts/bench/fuzz.json, in the form of the other benchmarks' results.</summary>
    private static void Record(IReadOnlyCollection<FuzzResult> results)
    {
        string folder = Path.Combine(Places.Artifacts, "bench");
        Directory.CreateDirectory(folder);
        var record = new
        {
            executions = results.Sum(result => result.Executions),
            findings = results.Count(result => result.Finding is not null),
            targets = results.OrderBy(result => result.Target, StringComparer.Ordinal).Select(result => new
            {
                name = result.Target, executions = result.Executions, seconds = Math.Round(result.Seconds, 1), features = result.Features, corpus = result.Corpus, finding = result.Finding?.File,
            }),
        };
        File.WriteAllText(Path.Combine(folder, "fuzz.json"), JsonSerializer.Serialize(record, s_json));
    }

    private static readonly JsonSerializerOptions s_json = new() { WriteIndented = true };
}
