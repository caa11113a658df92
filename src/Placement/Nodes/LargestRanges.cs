namespace Osv.Placement.Nodes;

/// <summary>How much the largest free ranges hold that one partition may take.</summary>
internal static class LargestRanges
{
    public static int Sum(ReadOnlySpan<FreeRange> ranges)
    {
        Span<int> largest = stackalloc int[PartitionLimits.MaxRanges];
        int count = 0;
        foreach (FreeRange range in ranges) Keep(largest, ref count, range.Units);
        return Add(largest[..count]);
    }

    public static int Sum(ReadOnlySpan<FreeMemory> cells)
    {
        Span<int> largest = stackalloc int[PartitionLimits.MaxRanges];
        int count = 0;
        foreach (FreeMemory cell in cells)
            foreach (FreeRange range in cell.Ranges) Keep(largest, ref count, range.Units);
        return Add(largest[..count]);
    }

    /// <summary>Inserts into a list that is sorted from large to small, dropping what falls off its end.</summary>
    private static void Keep(Span<int> largest, ref int count, int units)
    {
        if (count == largest.Length)
        {
            if (largest[count - 1] >= units) return;
            count--;
        }
        int at = count++;
        for (; at > 0 && largest[at - 1] < units; at--) largest[at] = largest[at - 1];
        largest[at] = units;
    }

    private static int Add(ReadOnlySpan<int> values)
    {
        int sum = 0;
        foreach (int value in values) sum += value;
        return sum;
    }
}
