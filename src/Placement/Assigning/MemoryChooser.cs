using Osv.Placement.Nodes;

namespace Osv.Placement.Assigning;

/// <summary>A stretch of a cell's free memory to take, in units of 2 MiB. The cell is an index into the fleet's cells.</summary>
internal readonly record struct MemoryPiece(int Start, int Units, int Cell);

/// <summary>Picks free memory: near the cores, in their proportion, in few pieces, leaving large ranges whole.</summary>
internal static class MemoryChooser
{
    /// <param name="cells">The cells of the cores.</param>
    /// <param name="shares">How many cores each of them gives.</param>
    /// <param name="others">Further cells that may help out.</param>
    /// <returns>At most <see cref="PartitionLimits.MaxRanges"/> pieces, large ones first.</returns>
    public static List<MemoryPiece> Choose(Fleet fleet, ReadOnlySpan<int> cells, ReadOnlySpan<int> shares, ReadOnlySpan<int> others, int units)
    {
        if (cells.Length == 1 && BestFit(fleet.CellMemory[cells[0]].Ranges, units) is >= 0 and int at)
            return [new MemoryPiece(fleet.CellMemory[cells[0]].Ranges[at].Start, units, cells[0])];

        List<MemoryPiece> pieces = Proportional(fleet, cells, shares, others, units);
        if (pieces.Count > PartitionLimits.MaxRanges) pieces = Concentrated(fleet, cells, others, units);
        pieces.Sort((a, b) => a.Units != b.Units ? b.Units.CompareTo(a.Units) : a.Start.CompareTo(b.Start));
        return pieces;
    }

    /// <summary>Index of the smallest range that has so many units, or -1.</summary>
    private static int BestFit(ReadOnlySpan<FreeRange> ranges, int units)
    {
        int best = -1;
        for (int i = 0; i < ranges.Length; i++)
            if (ranges[i].Units >= units && (best < 0 || ranges[i].Units < ranges[best].Units)) best = i;
        return best;
    }

    /// <summary>Each cell gives memory as it gives cores; what one lacks comes from the next, then from others. Any number of pieces.</summary>
    private static List<MemoryPiece> Proportional(Fleet fleet, ReadOnlySpan<int> cells, ReadOnlySpan<int> shares, ReadOnlySpan<int> others, int units)
    {
        var pieces = new List<MemoryPiece>();
        Span<int> given = cells.Length <= 64 ? stackalloc int[cells.Length] : new int[cells.Length];
        given.Clear();
        int total = 0, left = units;
        foreach (int share in shares) total += share;
        for (int i = 0; i < cells.Length; i++) left -= given[i] = Math.Min((int)((long)units * shares[i] / total), fleet.Cells.FreeUnits[cells[i]]);
        for (int i = 0; i < cells.Length && left > 0; i++)
        {
            int more = Math.Min(left, fleet.Cells.FreeUnits[cells[i]] - given[i]);
            given[i] += more;
            left -= more;
        }
        for (int i = 0; i < cells.Length; i++) Take(fleet, cells[i], given[i], pieces);
        foreach (int cell in others)
        {
            int more = Math.Min(left, fleet.Cells.FreeUnits[cell]);
            Take(fleet, cell, more, pieces);
            left -= more;
        }
        return pieces;
    }

    /// <summary>Largest ranges first until the rest fits one, which then is the smallest that takes it.</summary>
    private static void Take(Fleet fleet, int cell, int units, List<MemoryPiece> pieces)
    {
        if (units == 0) return;
        ReadOnlySpan<FreeRange> ranges = fleet.CellMemory[cell].Ranges;
        FreeRange[] left = [.. ranges];
        while (units > 0)
        {
            int at = BestFit(left, units);
            if (at < 0)
                for (int i = at = 0; i < left.Length; i++)
                    if (left[i].Units > left[at].Units) at = i;
            int taken = Math.Min(units, left[at].Units);
            pieces.Add(new MemoryPiece(left[at].Start, taken, cell));
            units -= taken;
            left[at] = default;
        }
    }

    /// <summary>
    /// As few pieces as need be, whatever their proportion: the largest local ranges, of which the smallest give way to
    /// larger distant ones until it is enough. Ends at the largest ranges of all, which are known to be enough.
    /// </summary>
    private static List<MemoryPiece> Concentrated(Fleet fleet, ReadOnlySpan<int> cells, ReadOnlySpan<int> others, int units)
    {
        List<MemoryPiece> local = Sorted(fleet, cells), distant = Sorted(fleet, others);
        List<MemoryPiece> chosen = local[..Math.Min(local.Count, PartitionLimits.MaxRanges)];
        long sum = chosen.Sum(piece => (long)piece.Units);
        foreach (MemoryPiece piece in distant)
        {
            if (sum >= units) break;
            if (chosen.Count == PartitionLimits.MaxRanges)
            {
                int smallest = chosen.FindLastIndex(other => other.Units == chosen.Min(each => each.Units));
                sum -= chosen[smallest].Units;
                chosen.RemoveAt(smallest);
            }
            chosen.Add(piece);
            sum += piece.Units;
        }
        chosen.Sort((a, b) => b.Units.CompareTo(a.Units));
        for (int i = 0; i < chosen.Count; i++)
        {
            if (chosen[i].Units >= units)
            {
                chosen[i] = chosen[i] with { Units = units };
                return chosen[..(i + 1)];
            }
            units -= chosen[i].Units;
        }
        throw new InvalidOperationException($"{PartitionLimits.Describe(units)} are missing: the ranges were counted wrong");
    }

    private static List<MemoryPiece> Sorted(Fleet fleet, ReadOnlySpan<int> cells)
    {
        var pieces = new List<MemoryPiece>();
        foreach (int cell in cells)
            foreach (FreeRange range in fleet.CellMemory[cell].Ranges) pieces.Add(new MemoryPiece(range.Start, range.Units, cell));
        pieces.Sort((a, b) => a.Units != b.Units ? b.Units.CompareTo(a.Units) : a.Start.CompareTo(b.Start));
        return pieces;
    }
}
