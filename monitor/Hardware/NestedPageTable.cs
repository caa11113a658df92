using Osv.Contracts.ControlDevice;

namespace Osv.Monitor.Hardware;

/// <summary>
/// Nested page tables of one partition (APM vol. 2, 15.25): 2 MiB and 1 GiB leaves over its extents, pages of 4 KiB over
/// device memory, nothing else. One PML4 and one PDPT page, so guest addresses end at 512 GiB.
/// </summary>
public static unsafe class NestedPageTable
{
    private const ulong Present = 7;                // present, writable, user: all that nested leaves need
    private const ulong Large = 0x80, AddressMask = 0x000F_FFFF_FFFF_F000, Gibibyte = 1UL << 30;

    /// <summary>An empty table, or null when pages have run out.</summary>
    public static ulong* Create()
    {
        ulong* root = PagePool.Take();
        if (root == null) return null;
        ulong* directory = PagePool.Take();
        if (directory == null)
        {
            PagePool.Return(root);
            return null;
        }
        root[0] = (ulong)directory | Present;
        return root;
    }

    /// <summary>
    /// Maps a range of whole pages; false when table pages have run out, with what was mapped left for <see cref="Destroy"/>.
    /// A range that is mapped again later has the alignment it had first.
    /// </summary>
    public static bool Map(ulong* root, ulong guest, ulong host, ulong bytes)
    {
        ulong* directory = (ulong*)(root[0] & AddressMask);
        while (bytes != 0)
        {
            ulong* slot = directory + (int)(guest >> 30);
            if (*slot == 0 && ((guest | host) & (Gibibyte - 1)) == 0 && bytes >= Gibibyte)
            {
                *slot = host | Present | Large;
                guest += Gibibyte;
                host += Gibibyte;
                bytes -= Gibibyte;
                continue;
            }
            if (*slot == 0)
            {
                ulong* page = PagePool.Take();
                if (page == null) return false;
                *slot = (ulong)page | Present;
            }
            slot = (ulong*)(*slot & AddressMask) + (int)((guest >> 21) & 511);
            if (((guest | host) & (ControlLayout.PageBytes - 1)) == 0 && bytes >= ControlLayout.PageBytes)
            {
                *slot = host | Present | Large;
                guest += ControlLayout.PageBytes;
                host += ControlLayout.PageBytes;
                bytes -= ControlLayout.PageBytes;
                continue;
            }
            if (*slot == 0)
            {
                ulong* page = PagePool.Take();
                if (page == null) return false;
                *slot = (ulong)page | Present;
            }
            ((ulong*)(*slot & AddressMask))[(int)((guest >> 12) & 511)] = host | Present;
            guest += 4096;
            host += 4096;
            bytes -= 4096;
        }
        return true;
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

    private static bool IsTable(ulong entry) => entry != 0 && (entry & Large) == 0;
}
