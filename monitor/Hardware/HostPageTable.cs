namespace Osv.Monitor.Hardware;

/// <summary>
/// The monitor's own address space: all memory at its physical address, in the tables that boot code made of 1 GiB pages.
/// Here they are cut finer where something must not be written, executed or touched at all (APM vol. 2, 5.3).
/// </summary>
public static unsafe class HostPageTable
{
    private const ulong Present = 1, Writable = 2, Uncached = 0x18, Large = 0x80, NoExecute = 1UL << 63, AddressMask = 0x000F_FFFF_FFFF_F000;
    private const int Gibibytes = 2048;
    public const ulong ReadExecute = Present, ReadOnly = Present | NoExecute, Nothing = 0;

    /// <summary>How many table pages splitting for this many bytes in one piece can take.</summary>
    public static ulong PagesFor(ulong bytes) => (bytes >> 21) + (bytes >> 30) + 4;

    /// <summary>No memory is executable but what <see cref="Set"/> says so of.</summary>
    public static void ForbidExecution()
    {
        for (int i = 0; i < Gibibytes; i++) Startup.Symbols.BootDirectories[i] |= NoExecute;
    }

    /// <summary>Gives the whole pages from start to end these rights. Takes effect at <see cref="Flush"/>.</summary>
    public static void Set(ulong start, ulong end, ulong rights)
    {
        for (ulong address = start; address < end; address += 4096)
        {
            ulong* directory = Below(Startup.Symbols.BootDirectories + (int)(address >> 30), 21);
            ulong* table = Below(directory + (int)((address >> 21) & 511), 12);
            table[(int)((address >> 12) & 511)] = rights == Nothing ? 0 : address | rights;
        }
    }

    /// <summary>Registers of a device beyond what boot code mapped become reachable. False: the processor has no such addresses.</summary>
    public static bool Reach(ulong start, ulong bytes)
    {
        const ulong Gibibyte = 1UL << 30, LinearLimit = 1UL << 47;
        uint* sizes = stackalloc uint[4];
        Cpu.Cpuid(0x8000_0008, 0, sizes);
        ulong limit = System.Math.Min(1UL << (int)(sizes[0] & 63), LinearLimit);
        if (start >= limit || bytes > limit - start) return false;
        for (ulong address = start & ~(Gibibyte - 1); address < start + bytes; address += Gibibyte)
        {
            if (address < Gibibytes * Gibibyte) continue;
            ulong* directories = Startup.Symbols.BootTop + (int)(address >> 39);
            if (*directories == 0) *directories = (ulong)NewTable() | Present | Writable;
            ((ulong*)(*directories & AddressMask))[(int)((address >> 30) & 511)] = address | Present | Writable | Uncached | Large | NoExecute;
        }
        return true;
    }

    private static ulong* NewTable()
    {
        ulong* table = PagePool.Take();
        if (table == null) Panic.Because("no page is left for the monitor's own page tables"u8);
        return table;
    }

    /// <summary>The table under an entry; a large page is first replaced by a table that says the same.</summary>
    private static ulong* Below(ulong* entry, int shift)
    {
        if ((*entry & Large) == 0) return (ulong*)(*entry & AddressMask);
        ulong* table = NewTable();
        ulong kept = *entry & ~Large;
        for (int i = 0; i < 512; i++) table[i] = (kept + ((ulong)i << shift)) | (shift == 12 ? 0 : Large);
        *entry = (ulong)table | Present | Writable;
        return table;
    }

    public static void Flush() => Cpu.WriteCr3((ulong)Startup.Symbols.BootTop);
}
