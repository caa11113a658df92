namespace Osv.Monitor.Hardware;

/// <summary>Pages for nested page tables: a free list through the pages themselves. The monitor lock guards it.</summary>
public static unsafe class PagePool
{
    private static ulong* s_first;

    public static void Add(ulong address, ulong bytes)
    {
        for (ulong at = address; at + 4096 <= address + bytes; at += 4096) Return((ulong*)at);
    }

    /// <summary>A cleared page, or null.</summary>
    public static ulong* Take()
    {
        ulong* page = s_first;
        if (page == null) return null;
        s_first = (ulong*)*page;
        Cpu.Clear(page, 4096);
        return page;
    }

    public static void Return(ulong* page)
    {
        *page = (ulong)s_first;
        s_first = page;
    }
}
