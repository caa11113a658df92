using System.Collections.Immutable;
using Osv.Contracts.ControlDevice;
using Osv.Placement.Plans;

namespace Osv.Placement.Assigning;

/// <summary>
/// Lays host memory out in a guest's address space as the monitor wants it: from 0 upwards without gaps, except the hole
/// between 3 and 4 GiB, at which a range is cut in two.
/// </summary>
public static class GuestMemory
{
    /// <param name="ranges">Host ranges in units of 2 MiB with the cell's number; at most <see cref="PartitionLimits.MaxRanges"/> of them.</param>
    public static ImmutableArray<CellExtent> Layout(ReadOnlySpan<(int StartUnit, int Units, uint Cell)> ranges)
    {
        ImmutableArray<CellExtent>.Builder extents = ImmutableArray.CreateBuilder<CellExtent>(ranges.Length + 1);
        int guest = 0;
        foreach ((int start, int units, uint cell) in ranges)
        {
            int below = guest < PartitionLimits.HoleStartUnit ? Math.Min(units, PartitionLimits.HoleStartUnit - guest) : 0;
            if (below != 0) extents.Add(Extent(guest, start, below, cell));
            guest += below;
            if (guest == PartitionLimits.HoleStartUnit) guest = PartitionLimits.HoleEndUnit;
            if (units == below) continue;
            extents.Add(Extent(guest, start + below, units - below, cell));
            guest += units - below;
        }
        return extents.DrainToImmutable();
    }

    private static CellExtent Extent(int guest, int host, int units, uint cell) => new(
        new MemoryExtent
        {
            GuestAddress = (ulong)guest * ControlLayout.PageBytes,
            HostAddress = (ulong)host * ControlLayout.PageBytes,
            Bytes = (ulong)units * ControlLayout.PageBytes,
        },
        cell);
}
