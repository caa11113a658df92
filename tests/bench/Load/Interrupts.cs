using System.Globalization;

namespace Osv.Bench.Load;

/// <summary>/proc/interrupts: a number, a count for each processor, then words; the last ones are a name.</summary>
internal static class Interrupts
{
    /// <summary>Of all lines with this text, on all processors, since the kernel began.</summary>
    public static long Of(string name) => File.ReadLines("/proc/interrupts").Where(line => line.Contains(name, StringComparison.Ordinal)).Sum(Count);

    private static long Count(string line) =>
        line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Take(Environment.ProcessorCount).Sum(word => long.Parse(word, CultureInfo.InvariantCulture));
}
