using CsCheck;
using Osv.Contracts.ControlDevice;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Tests;

public sealed class GuestLayoutTests
{
    private const ulong Page = 2UL << 20, Gibibyte = 1UL << 30;

    /// <summary>Addresses near every border, and any other.</summary>
    private static readonly Gen<ulong> s_addresses = Gen.OneOf(
        Gen.ULong,
        Gen.ULong[0, 2048 * Gibibyte / Page + 2].Select(page => page * Page),
        Gen.Select(Gen.OneOf(0, 3, 4, 511, 512, 513, 2047, 2048), Gen.ULong[0, 4], (gibibytes, pages) => unchecked((ulong)gibibytes * Gibibyte + (pages - 2) * Page)));

    [Fact]
    public void An_extent_is_well_formed_exactly_when_the_specification_says_so()
    {
        Gen.Select(s_addresses, s_addresses, s_addresses).Sample((guest, host, bytes) =>
        {
            UInt128 guestEnd = (UInt128)guest + bytes, hostEnd = (UInt128)host + bytes;
            bool touchesHole = guest < 4 * Gibibyte && guestEnd > 3 * Gibibyte;
            bool expected = bytes != 0 && guest % Page == 0 && host % Page == 0 && bytes % Page == 0
                && guestEnd <= 512 * Gibibyte && hostEnd <= 2048 * Gibibyte && !touchesHole;
            GuestLayout.IsWellFormed(new MemoryExtent { GuestAddress = guest, HostAddress = host, Bytes = bytes }).ShouldBe(expected);
        }, iter: 100_000);
    }

    [Theory]
    [InlineData(2, 1, true)]
    [InlineData(2, 2, false)]
    [InlineData(3, 1, false)]
    [InlineData(4, 1, true)]
    [InlineData(0, 5, false)]
    [InlineData(511, 1, true)]
    [InlineData(511, 2, false)]
    public void The_device_hole_and_the_end_of_guest_memory_hold(ulong guest, ulong gibibytes, bool expected) =>
        GuestLayout.IsWellFormed(TestNode.Extent(guest * Gibibyte, 8 * Gibibyte, gibibytes * Gibibyte)).ShouldBe(expected);

    [Fact]
    public void A_linux_entry_is_an_entry() => GuestLayout.IsEntry(in TestNode.Entry).ShouldBeTrue();

    [Fact]
    public void An_entry_outside_guest_memory_or_with_unusable_tables_is_refused()
    {
        EntryState good = TestNode.Entry;
        EntryState[] bad =
        [
            good with { Rip = 512 * Gibibyte },
            good with { Rsi = 512 * Gibibyte },
            good with { Cr3 = 512 * Gibibyte },
            good with { Cr3 = 0xA008 },
            good with { GdtBase = 512 * Gibibyte },
            good with { GdtLimit = 0x1_0000 },
            good with { CodeSelector = 0 },
        ];
        bad.ShouldAllBe(entry => !GuestLayout.IsEntry(in entry));
    }
}
