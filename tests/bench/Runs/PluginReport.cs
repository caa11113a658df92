using System.Globalization;
using Osv.Bench.Load;

namespace Osv.Bench.Runs;

/// <summary>Kinds of exits, by the names of tests/bench/Plugin/Exits.cs.</summary>
public static class ExitKind
{
    public static bool IsIcr(string kind) => kind is IcrPlain or IcrOther;

    /// <summary>A fixed interrupt to one core by physical id, which the monitor passes on at once; any other ICR write.</summary>
    public const string IcrPlain = "IcrPlain", IcrOther = "IcrOther", Nmi = "Nmi";
}

/// <summary>Exits of one kind of a partition in a phase. Instructions: the monitor's, per exit.</summary>
public sealed record ExitCount(Phase Phase, int Partition, string Kind, long Exits, long Instructions, int Least, int Median, long Most);

/// <summary>A kernel's entry (no phase) or a mark. Time in nanoseconds of the host's monotonic clock; ICR exits of the tenant in the phase so far.</summary>
public sealed record Happening(Phase? Phase, int Processor, long Time, long IcrExits);

/// <summary>What the plugin wrote (tests/bench/Plugin/Report.cs says how).</summary>
public sealed record PluginReport(IReadOnlyList<Happening> Happenings, IReadOnlyList<ExitCount> Exits)
{
    public static PluginReport Read(string file)
    {
        var happenings = new List<Happening>();
        var exits = new List<ExitCount>();
        foreach (string line in File.ReadLines(file))
        {
            string[] words = line.Split(' ');
            switch (words[0])
            {
                case "entry": happenings.Add(new Happening(null, (int)Number(words[1]), Number(words[2]), 0)); break;
                case "mark": happenings.Add(new Happening((Phase)Number(words[1]), (int)Number(words[2]), Number(words[3]), Number(words[4]))); break;
                case "exits":
                    exits.Add(new ExitCount((Phase)Number(words[1]), (int)Number(words[2]), words[3], Number(words[4]), Number(words[5]), (int)Number(words[6]), (int)Number(words[7]), Number(words[8])));
                    break;
                default: throw new FormatException($"{file}: a line begins with '{words[0]}'");
            }
        }
        return new PluginReport(happenings, exits);
    }

    /// <summary>ICR exits of the tenant in a phase.</summary>
    public long IcrExits(Phase phase) => Exits.Where(exit => exit.Partition == MeasuredRun.Tenant && exit.Phase == phase && ExitKind.IsIcr(exit.Kind)).Sum(exit => exit.Exits);

    /// <summary>ICR exits of each batch of the phase, from one of its marks to the next; what comes behind the last is not told.</summary>
    public IReadOnlyList<long> IcrExitsOfBatches(Phase phase)
    {
        long[] marks = [.. Happenings.Where(happening => happening.Phase == phase).Select(happening => happening.IcrExits)];
        return [.. marks.Skip(1).Zip(marks, (later, earlier) => later - earlier)];
    }

    /// <summary>
    /// Exits in a phase that are not about the ICR, of all partitions: there should be none. The clock of the watch over
    /// partition 0, one NMI a minute there, is not counted.
    /// </summary>
    public IReadOnlyList<ExitCount> OtherExits(Phase phase) =>
        [.. Exits.Where(exit => exit.Phase == phase && !ExitKind.IsIcr(exit.Kind) && !(exit.Partition == Management && exit.Kind == ExitKind.Nmi))];

    private const int Management = 0;

    /// <summary>Exits of one kind of the tenant, in all phases.</summary>
    public IReadOnlyList<ExitCount> Of(string kind) => [.. Exits.Where(exit => exit.Partition == MeasuredRun.Tenant && exit.Kind == kind)];

    /// <summary>From the kernel's first 64-bit instruction to user space, in seconds: the last entry before the first mark.</summary>
    public double BootSeconds()
    {
        int mark = Happenings.Index().First(item => item.Item.Phase == Phase.Between).Index;
        Happening entry = Happenings.Take(mark).Last(happening => happening.Phase is null);
        return (Happenings[mark].Time - entry.Time) / 1e9;
    }

    private static long Number(string word) => long.Parse(word, CultureInfo.InvariantCulture);
}
