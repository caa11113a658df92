using System.Runtime.InteropServices;
using Osv.Monitor.Hardware;

namespace Osv.Fuzz.Tests;

/// <summary>
/// What the monitor's nested tables hold, entry by entry. A guest sees the same memory whatever the leaves' size; what a wrong one costs is
/// table pages, which are few, and misses of the translation cache.
/// </summary>
public sealed unsafe class NestedPageTableTests : IDisposable
{
    private const int PoolPages = 8, PageBytes = 4096, Entries = 512;
    private const ulong Small = PageBytes, Page = 2UL << 20, Gibibyte = 1UL << 30;
    private const ulong Present = 7, Large = 0x80, NextLevel = 7 << 9, AddressMask = 0x000F_FFFF_FFFF_F000;

    private readonly void* _pool = NativeMemory.AlignedAlloc(PoolPages * PageBytes, PageBytes);

    public NestedPageTableTests() => PagePool.Add((ulong)_pool, PoolPages * PageBytes);

    public void Dispose()
    {
        FreePages();
        NativeMemory.AlignedFree(_pool);
    }

    /// <summary>How many leaves of 1 GiB, 2 MiB and 4 KiB, and how many pages of tables besides the root and its directory.</summary>
    [Theory]
    [InlineData("a gibibyte", 4 * Gibibyte, 8 * Gibibyte, Gibibyte, 1, 0, 0, 0)]
    [InlineData("gibibytes at the beginning of guest memory", 0, 9 * Gibibyte, 3 * Gibibyte, 3, 0, 0, 0)]
    [InlineData("gibibytes at the end of guest memory", 509 * Gibibyte, 2045 * Gibibyte, 3 * Gibibyte, 3, 0, 0, 0)]
    [InlineData("gibibytes and a rest", 4 * Gibibyte, 8 * Gibibyte, 2 * Gibibyte + 3 * Page, 2, 3, 0, 1)]
    [InlineData("gibibytes behind a beginning", 5 * Gibibyte - Page, 8 * Gibibyte - Page, Gibibyte + 2 * Page, 1, 2, 0, 2)]
    [InlineData("a gibibyte that is none in the host", 4 * Gibibyte, 8 * Gibibyte + Page, Gibibyte, 0, 512, 0, 1)]
    [InlineData("a gibibyte that is none in the guest", 4 * Gibibyte + Page, 8 * Gibibyte, Gibibyte, 0, 512, 0, 2)]
    [InlineData("a page less than a gibibyte", 4 * Gibibyte, 8 * Gibibyte, Gibibyte - Page, 0, 511, 0, 1)]
    [InlineData("device memory", 3 * Gibibyte + 5 * Small, 0xFEB0_0000, 3 * Small, 0, 0, 3, 2)]
    [InlineData("device memory of a page and a rest", 3 * Gibibyte, 0xFEA0_0000, Page + Small, 0, 1, 1, 2)]
    [InlineData("device memory that is no page in the host", 3 * Gibibyte, 0xFEA0_1000, Page, 0, 0, 512, 2)]
    public void A_range_has_the_largest_leaves_that_fit(string what, ulong guest, ulong host, ulong bytes, int gibibytes, int pages, int small, int tables)
    {
        ulong* root = NestedPageTable.Create();
        NestedPageTable.Map(root, guest, host, bytes).ShouldBeTrue(what);
        List<(ulong Guest, ulong Host, ulong Bytes)> leaves = Leaves(root);

        foreach ((ulong leafGuest, ulong leafHost, ulong leafBytes) in leaves)
        {
            leafGuest.ShouldBe(guest, "leaves follow each other without a gap");
            leafHost.ShouldBe(host);
            guest += leafBytes;
            host += leafBytes;
            bytes -= leafBytes;
        }
        bytes.ShouldBe(0ul, "the leaves cover the range and nothing else");
        leaves.GroupBy(leaf => leaf.Bytes).ToDictionary(group => group.Key, group => group.Count())
            .ShouldBe(new Dictionary<ulong, int> { [Gibibyte] = gibibytes, [Page] = pages, [Small] = small }.Where(count => count.Value != 0), ignoreOrder: true);

        FreePages().Count.ShouldBe(PoolPages - 2 - tables);
    }

    [Fact]
    public void Destroyed_tables_give_every_page_back()
    {
        ulong* root = NestedPageTable.Create();
        NestedPageTable.Map(root, 4 * Gibibyte, 8 * Gibibyte, 2 * Gibibyte + Page).ShouldBeTrue();
        NestedPageTable.Map(root, 3 * Gibibyte, 0xFEB0_0000, Small).ShouldBeTrue();
        NestedPageTable.Destroy(root);
        List<nint> free = FreePages();
        free.ShouldBeUnique();
        free.Count.ShouldBe(PoolPages);
    }

    /// <summary>The load window: first the sink in pieces, then memory in its place, then the sink again.</summary>
    [Fact]
    public void A_gibibyte_over_what_was_mapped_in_pages_stays_in_pages()
    {
        const ulong Window = 8 * Gibibyte;
        ulong* root = NestedPageTable.Create();
        for (ulong offset = 0; offset < Gibibyte; offset += Page) NestedPageTable.Map(root, Window + offset, 2 * Gibibyte, Page).ShouldBeTrue();
        NestedPageTable.Map(root, Window, 16 * Gibibyte, Gibibyte).ShouldBeTrue();
        Leaves(root).ShouldBe(Enumerable.Range(0, Entries).Select(i => (Window + (ulong)i * Page, 16 * Gibibyte + (ulong)i * Page, Page)));
        FreePages().Count.ShouldBe(PoolPages - 3);
    }

    [Fact]
    public void Without_a_page_for_a_table_a_range_is_refused_and_a_gibibyte_is_not()
    {
        ulong* root = NestedPageTable.Create();
        FreePages();
        NestedPageTable.Map(root, 4 * Gibibyte, 8 * Gibibyte, 2 * Gibibyte).ShouldBeTrue();
        NestedPageTable.Map(root, 6 * Gibibyte, 10 * Gibibyte, Page).ShouldBeFalse();
    }

    /// <summary>As the processor walks them, in the order of guest addresses.</summary>
    private static List<(ulong Guest, ulong Host, ulong Bytes)> Leaves(ulong* root)
    {
        List<(ulong, ulong, ulong)> leaves = [];
        for (int i = 1; i < Entries; i++) (root[i] & Present).ShouldBe(0ul);
        Walk((ulong*)(root[0] & AddressMask), 0, Gibibyte, leaves);
        return leaves;
    }

    private static void Walk(ulong* table, ulong guest, ulong bytes, List<(ulong, ulong, ulong)> leaves)
    {
        for (int i = 0; i < Entries; i++, guest += bytes)
        {
            if ((table[i] & Present) == 0)
            {
                (table[i] & ~NextLevel).ShouldBe(0ul, "what is absent gives an IOMMU no right and no address");
                continue;
            }
            bool isLeaf = bytes == Small || (table[i] & Large) != 0;
            if (!isLeaf) Walk((ulong*)(table[i] & AddressMask), guest, bytes / Entries, leaves);
            else leaves.Add((guest, table[i] & AddressMask, bytes));
            if (isLeaf) (table[i] & AddressMask & (bytes - 1)).ShouldBe(0ul, "the processor refuses a leaf that is not aligned");
        }
    }

    /// <summary>Takes all pages that are left.</summary>
    private static List<nint> FreePages()
    {
        List<nint> pages = [];
        while (PagePool.Take() is var page && page != null) pages.Add((nint)page);
        return pages;
    }
}
