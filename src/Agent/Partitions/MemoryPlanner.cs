using Osv.Contracts.ControlDevice;

namespace Osv.Agent.Partitions;

/// <summary>Finds host memory for a partition. Pure.</summary>
public static class MemoryPlanner
{
    private const ulong HoleStart = 3UL << 30, HoleEnd = 4UL << 30;

    /// <summary>What no partition has, largest range first.</summary>
    public static List<MemoryEntry> Free(IEnumerable<MemoryEntry> memory, IEnumerable<MemoryExtent> taken)
    {
        var free = memory.ToList();
        foreach (MemoryExtent extent in taken)
        {
            ulong start = extent.HostAddress, end = start + extent.Bytes;
            for (int i = free.Count - 1; i >= 0; i--)
            {
                MemoryEntry range = free[i];
                ulong rangeEnd = range.HostAddress + range.Bytes;
                if (start >= rangeEnd || end <= range.HostAddress) continue;
                free.RemoveAt(i);
                if (start > range.HostAddress) free.Add(range with { Bytes = start - range.HostAddress });
                if (end < rangeEnd) free.Add(range with { HostAddress = end, Bytes = rangeEnd - end });
            }
        }
        return [.. free.OrderByDescending(range => range.Bytes).ThenBy(range => range.HostAddress)];
    }

    /// <summary>
    /// Extents for the shares, in guest order from address 0 around the hole below 4 GiB; null with the reason when it cannot be.
    /// </summary>
    public static IReadOnlyList<MemoryExtent>? Plan(IReadOnlyList<MemoryEntry> free, IReadOnlyList<(uint Cell, ulong Bytes)> shares, out string reason)
    {
        reason = string.Empty;
        var left = free.ToList();
        var extents = new List<MemoryExtent>();
        ulong guest = 0;
        foreach ((uint cell, ulong bytes) in shares)
        {
            if (bytes == 0 || bytes % ControlLayout.PageBytes != 0)
            {
                reason = $"a memory share of {bytes} bytes is not a multiple of 2 MiB";
                return null;
            }
            ulong needed = bytes;
            while (needed != 0)
            {
                int best = -1;
                for (int i = 0; i < left.Count; i++)
                {
                    if (left[i].Cell != cell || left[i].Bytes == 0) continue;
                    // The smallest range that holds all of it, or else the largest.
                    if (best < 0 || (left[i].Bytes >= needed ? left[best].Bytes < needed || left[i].Bytes < left[best].Bytes : left[i].Bytes > left[best].Bytes)) best = i;
                }
                if (best < 0)
                {
                    ulong available = (ulong)free.Where(range => range.Cell == cell).Sum(range => (long)range.Bytes);
                    reason = $"cell {cell} has {available >> 20} MiB free in all, {bytes >> 20} MiB are wanted of it";
                    return null;
                }
                ulong piece = Math.Min(needed, left[best].Bytes);
                if (guest < HoleStart) piece = Math.Min(piece, HoleStart - guest);
                if (extents.Count == ControlLayout.MaxExtents)
                {
                    reason = $"free memory is in too many pieces: a partition can have {ControlLayout.MaxExtents}";
                    return null;
                }
                // From the top: partition 0 lies at the bottom, and large ranges stay whole there.
                MemoryEntry range = left[best];
                extents.Add(new MemoryExtent { GuestAddress = guest, HostAddress = range.HostAddress + range.Bytes - piece, Bytes = piece });
                left[best] = range with { Bytes = range.Bytes - piece };
                needed -= piece;
                guest += piece;
                if (guest == HoleStart) guest = HoleEnd;
            }
        }
        return extents;
    }
}
