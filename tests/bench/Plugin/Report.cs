using System.Text;

namespace Osv.Bench.Plugin;

/// <summary>
/// Writes the report, one fact a line: <c>entry PROCESSOR NANOSECONDS</c>, <c>mark PHASE PROCESSOR NANOSECONDS ICR_EXITS</c>, and
/// <c>exits PHASE PARTITION KIND COUNT INSTRUCTIONS MIN MEDIAN MAX</c>, summed over all processors.
/// </summary>
internal static unsafe class Report
{
    public static void Write(string file, ReadOnlySpan<Happening> happenings, ReadOnlySpan<Processor> processors)
    {
        var text = new StringBuilder();
        foreach (Happening happening in happenings)
        {
            string name = happening.What == 0 ? "entry" : $"mark {happening.What - 1}", exits = happening.What == 0 ? "" : $" {happening.IcrExits}";
            text.Append($"{name} {happening.Processor} {happening.Time}{exits}\n");
        }
        for (int phase = 0; phase < Options.Phases; phase++)
        {
            for (uint partition = 0; partition < Processor.Partitions; partition++)
            {
                for (Exit kind = 0; kind < Exit.Count; kind++) Line(text, processors, phase, partition, kind);
            }
        }
        File.WriteAllText(file, text.ToString());
    }

    private static void Line(StringBuilder text, ReadOnlySpan<Processor> processors, int phase, uint partition, Exit kind)
    {
        ulong exits = 0, instructions = 0, most = 0;
        Span<ulong> histogram = stackalloc ulong[Tally.Slots];
        histogram.Clear();
        foreach (ref readonly Processor processor in processors)
        {
            if (!processor.IsKnown) continue;
            Tally* tally = processor.Of(phase, partition, kind);
            exits += tally->Exits;
            instructions += tally->Instructions;
            most = Math.Max(most, tally->Most);
            for (int i = 0; i < Tally.Slots; i++) histogram[i] += tally->Histogram[i];
        }
        if (exits == 0) return;
        text.Append($"exits {phase} {partition} {kind} {exits} {instructions} {At(histogram, 1)} {At(histogram, (exits + 1) / 2)} {most}\n");
    }

    /// <summary>The number of instructions of the nth shortest exit.</summary>
    private static int At(ReadOnlySpan<ulong> histogram, ulong nth)
    {
        ulong seen = 0;
        for (int i = 0; i < histogram.Length; i++)
        {
            seen += histogram[i];
            if (seen >= nth) return i;
        }
        return histogram.Length;
    }
}
