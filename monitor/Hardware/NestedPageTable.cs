using Osv.Contracts.ControlDevice;

namespace Osv.Monitor.Hardware;

/// <summary>
/// Nested page tables of one partition (APM vol. 2, 15.25): 2 MiB and 1 GiB leaves over its extents, pages of 4 KiB over
/// device memory, nothing else. One PML4 and one PDPT page, so guest addresses end at 512 GiB. They are also the I/O page
/// tables of the partition's functions: the IOMMU finds level and rights in bits that the processor ignores (AMD I/O
/// Virtualization Technology 3.10, 2.2.3).
/// </summary>
public static unsafe class NestedPageTable
{
    private const ulong Present = 1, Large = 0x80, AddressMask = 0x000F_FFFF_FFFF_F000;
    /// <summary>For the processor: present, writable, user. For the IOMMU: read and write.</summary>
    private const ulong Rights = 7 | 3UL << 61;
    private const ulong CoherentAccess = 1UL << 60;
    /// <summary>Not present. QEMU's IOMMU says nothing of an access that finds an entry of zero, but of one with a next level it does.</summary>
    private const ulong Absent = 1 << 9;

    /// <summary>An empty table, or null when pages have run out.</summary>
    public static ulong* Create()
    {
        ulong* root = NewTable();
        if (root == null || Below(root, 3) != null) return root;
        PagePool.Return(root);
        return null;
    }

    /// <summary>
    /// Maps a range of whole pages; false when table pages have run out, with what was mapped left for <see cref="Destroy"/>.
    /// A range that is mapped again later has the alignment it had first.
    /// </summary>
    public static bool Map(ulong* root, ulong guest, ulong host, ulong bytes)
    {
        while (bytes != 0)
        {
            ulong* slot = root;
            int shift = 39, level = 3;
            do
            {
                ulong* table = Below(slot, level--);
                if (table == null) return false;
                shift -= 9;
                slot = table + (int)((guest >> shift) & 511);
            }
            while (shift > 12 && !FitsLeaf(*slot, guest | host, bytes, shift));
            *slot = host | Rights | CoherentAccess | (shift > 12 ? Large : 0);
            guest += 1UL << shift;
            host += 1UL << shift;
            bytes -= 1UL << shift;
        }
        return true;
    }

    private static bool FitsLeaf(ulong entry, ulong addresses, ulong bytes, int shift) =>
        !IsTable(entry) && (addresses & ((1UL << shift) - 1)) == 0 && bytes >= 1UL << shift;

    /// <summary>The table under an entry, made where there is none; null when pages have run out.</summary>
    private static ulong* Below(ulong* slot, int level)
    {
        if ((*slot & Present) != 0) return (ulong*)(*slot & AddressMask);
        ulong* table = NewTable();
        if (table != null) *slot = (ulong)table | Rights | (ulong)level << 9;
        return table;
    }

    private static ulong* NewTable()
    {
        ulong* table = PagePool.Take();
        for (int i = 0; table != null && i < 512; i++) table[i] = Absent;
        return table;
    }

    public static void Destroy(ulong* root)
    {
        ulong* directory = (ulong*)(root[0] & AddressMask);
        for (int i = 0; i < 512; i++)
        {
            if (!IsTable(directory[i])) continue;
            ulong* table = (ulong*)(directory[i] & AddressMask);
            for (int k = 0; k < 512; k++)
                if (IsTable(table[k])) PagePool.Return((ulong*)(table[k] & AddressMask));
            PagePool.Return(table);
        }
        PagePool.Return(directory);
        PagePool.Return(root);
    }

    private static bool IsTable(ulong entry) => (entry & (Present | Large)) == Present;
}
