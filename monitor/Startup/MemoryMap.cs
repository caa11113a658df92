using Osv.Contracts.ControlDevice;
using Osv.Monitor.Hardware;

namespace Osv.Monitor.Startup;

/// <summary>Sorts the firmware's RAM: what the monitor keeps, and what partitions may get in whole 2 MiB pages.</summary>
public static unsafe class MemoryMap
{
    private const ulong Unit = ControlLayout.PageBytes, FirstUsable = 16UL << 20, FourGibibytes = 4UL << 30;

    /// <summary>RAM above 16 MiB outside the payload and all else that the map has there, split by cell, into <paramref name="table"/>; the count.</summary>
    public static int Collect(BootParameters boot, MemoryEntry* table)
    {
        int count = 0;
        for (int i = 0; i < boot.RangeCount; i++)
        {
            if (!boot.RangeIsRam(i) || boot.RangeStart(i) >= Policy.GuestLayout.HostLimit) continue;
            ulong start = boot.RangeStart(i) < FirstUsable ? FirstUsable : (boot.RangeStart(i) + Unit - 1) & ~(Unit - 1);
            ulong end = System.Math.Min(boot.RangeStart(i) + System.Math.Min(boot.RangeBytes(i), Policy.GuestLayout.HostLimit), Policy.GuestLayout.HostLimit) & ~(Unit - 1);
            for (ulong stop = end; start < end; start = stop, stop = end)
            {
                if (IsTaken(boot, i, start, ref stop)) continue;
                uint cell = Firmware.CellOfMemory(start, out ulong cellEnd);
                if ((cellEnd &= ~(Unit - 1)) < stop && cellEnd > start) stop = cellEnd;
                if (count == ControlLayout.MaxMemoryEntries) return count;
                table[count++] = new MemoryEntry { HostAddress = start, Bytes = stop - start, Cell = cell };
            }
        }
        return count;
    }

    /// <summary>
    /// True: the payload or another range lies at <paramref name="start"/> and ends before <paramref name="stop"/>; else none begins before that.
    /// RAM that is named twice is the first one's, and nobody's that is named as something else, too: it would be two partitions', or a device's.
    /// </summary>
    private static bool IsTaken(BootParameters boot, int range, ulong start, ref ulong stop)
    {
        for (int i = -1; i < boot.RangeCount; i++)
        {
            ulong first = i < 0 ? boot.RamdiskAddress : boot.RangeStart(i), bytes = i < 0 ? boot.RamdiskBytes : boot.RangeBytes(i);
            if (i == range || first >= stop || bytes == 0 || (i > range && boot.RangeIsRam(i))) continue;
            ulong end = (first + System.Math.Min(bytes, Policy.GuestLayout.HostLimit) + Unit - 1) & ~(Unit - 1);
            if ((first &= ~(Unit - 1)) > start) stop = first;
            else if (start < end) return (stop = end) > start;
        }
        return false;
    }

    /// <summary>Cuts a piece off the top of the highest range below 4 GiB that has it; 0 when none has.</summary>
    public static ulong CutForMonitor(MemoryEntry* table, int count, ulong bytes)
    {
        bytes = (bytes + Unit - 1) & ~(Unit - 1);
        for (int i = count - 1; i >= 0; i--)
        {
            if (table[i].HostAddress + table[i].Bytes > FourGibibytes || table[i].Bytes < bytes) continue;
            table[i].Bytes -= bytes;
            return table[i].HostAddress + table[i].Bytes;
        }
        return 0;
    }
}
