using Osv.Contracts.ControlDevice;
using Osv.Monitor.Hardware;

namespace Osv.Monitor.Startup;

/// <summary>Sorts the firmware's RAM: what the monitor keeps, and what partitions may get in whole 2 MiB pages.</summary>
public static unsafe class MemoryMap
{
    private const ulong Unit = ControlLayout.PageBytes, FirstUsable = 16UL << 20, FourGibibytes = 4UL << 30;

    /// <summary>RAM above 16 MiB outside the payload, split by cell, into <paramref name="table"/>; the count.</summary>
    public static int Collect(BootParameters boot, MemoryEntry* table)
    {
        int count = 0;
        ulong payloadStart = boot.RamdiskAddress & ~(Unit - 1), payloadEnd = (boot.RamdiskAddress + boot.RamdiskBytes + Unit - 1) & ~(Unit - 1);
        for (int i = 0; i < boot.RangeCount; i++)
        {
            if (!boot.RangeIsRam(i) || boot.RangeStart(i) >= Policy.GuestLayout.HostLimit) continue;
            ulong start = boot.RangeStart(i) < FirstUsable ? FirstUsable : (boot.RangeStart(i) + Unit - 1) & ~(Unit - 1);
            ulong end = (boot.RangeStart(i) + System.Math.Min(boot.RangeBytes(i), Policy.GuestLayout.HostLimit)) & ~(Unit - 1);
            if (end > Policy.GuestLayout.HostLimit) end = Policy.GuestLayout.HostLimit;
            while (start < end)
            {
                if (start >= payloadStart && start < payloadEnd)
                {
                    start = payloadEnd;
                    continue;
                }
                ulong stop = start < payloadStart && payloadStart < end ? payloadStart : end;
                uint cell = Firmware.CellOfMemory(start, out ulong cellEnd);
                cellEnd &= ~(Unit - 1);
                if (cellEnd < stop && cellEnd > start) stop = cellEnd;
                if (count == ControlLayout.MaxMemoryEntries) return count;
                table[count++] = new MemoryEntry { HostAddress = start, Bytes = stop - start, Cell = cell };
                start = stop;
            }
        }
        return count;
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
