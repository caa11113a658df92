using Osv.Agent.Partitions;
using Osv.Contracts.ControlDevice;

namespace Osv.Agent.Tests;

public sealed class MemoryPlannerTests
{
    private const ulong Mebibyte = 1 << 20, Gibibyte = 1 << 30;

    private static MemoryEntry Range(ulong start, ulong bytes, uint cell = 0) => new() { HostAddress = start, Bytes = bytes, Cell = cell };

    [Fact]
    public void What_others_have_is_not_free()
    {
        List<MemoryEntry> free = MemoryPlanner.Free([Range(0, Gibibyte)], [new MemoryExtent { HostAddress = 256 * Mebibyte, Bytes = 256 * Mebibyte }]);
        free.Select(range => (range.HostAddress, range.Bytes)).ShouldBe([(512 * Mebibyte, 512 * Mebibyte), (0UL, 256 * Mebibyte)]);
    }

    [Fact]
    public void The_smallest_range_that_is_enough_is_cut_from_its_top()
    {
        IReadOnlyList<MemoryExtent> extents = MemoryPlanner.Plan([Range(Gibibyte, Gibibyte), Range(0, 128 * Mebibyte)], [(0, 64 * Mebibyte)], out _)!;
        extents.ShouldHaveSingleItem().HostAddress.ShouldBe(64 * Mebibyte);
    }

    [Fact]
    public void Guest_memory_goes_around_the_hole_below_4_gibibytes()
    {
        IReadOnlyList<MemoryExtent> extents = MemoryPlanner.Plan([Range(4 * Gibibyte, 8 * Gibibyte)], [(0, 5 * Gibibyte)], out _)!;
        extents.Select(extent => (extent.GuestAddress, extent.Bytes)).ShouldBe([(0UL, 3 * Gibibyte), (4 * Gibibyte, 2 * Gibibyte)]);
    }

    [Fact]
    public void Each_share_comes_from_its_own_cell()
    {
        IReadOnlyList<MemoryExtent> extents = MemoryPlanner.Plan([Range(0, Gibibyte), Range(Gibibyte, Gibibyte, 1)], [(1, 64 * Mebibyte), (0, 64 * Mebibyte)], out _)!;
        extents.Select(extent => extent.HostAddress / Gibibyte).ShouldBe([1UL, 0UL]);
        extents.Select(extent => extent.GuestAddress).ShouldBe([0UL, 64 * Mebibyte]);
    }

    [Fact]
    public void Too_little_is_named_with_the_numbers()
    {
        MemoryPlanner.Plan([Range(0, 64 * Mebibyte)], [(0, 128 * Mebibyte)], out string reason).ShouldBeNull();
        reason.ShouldBe("cell 0 has 64 MiB free in all, 128 MiB are wanted of it");
    }
}
