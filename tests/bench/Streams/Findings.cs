using System.Globalization;
using Osv.Cli.Bench;

namespace Osv.Bench.Streams;

/// <summary>What the benchmark has found so far. A part that fails leaves a figure that says so, and the others their own: there is always a report.</summary>
internal sealed class Findings
{
    private readonly List<Figure> _figures = [];

    /// <param name="bound">Null: it is told, not judged.</param>
    public void Add(string name, double value, string unit, double? bound, FormattableString detail) => _figures.Add(new Figure(name, value, unit, bound, Text(detail)));

    /// <returns>False: it failed.</returns>
    public async Task<bool> TryAsync(string part, Func<Task> measure)
    {
        Console.WriteLine($"{DateTime.Now.ToString("HH:mm:ss", CultureInfo.InvariantCulture)} {part}");
        try
        {
            await measure();
            return true;
        }
#pragma warning disable CA1031 // Whatever went wrong: what was measured before is worth telling.
        catch (Exception error)
#pragma warning restore CA1031
        {
            Console.WriteLine($"  failed: {error}");
            Add($"{part}: not measured", 1, "", 0, $"{error.Message}");
            return false;
        }
    }

    public void Write(string file)
    {
        string processor = File.ReadLines("/proc/cpuinfo").First(line => line.StartsWith("model name", StringComparison.Ordinal)).Split(':')[1].Trim();
        string load = File.ReadAllText("/proc/loadavg").Split(' ')[0];
        new BenchReport("control-streams", Text($"control plane, PostgreSQL, agents, browser and reader on {Environment.ProcessorCount} cores of {processor}, load average {load} at the end"), _figures).Write(file);
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
