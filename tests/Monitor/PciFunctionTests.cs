using Osv.Monitor.Policy;

namespace Osv.Monitor.Tests;

public sealed class PciFunctionTests
{
    private const int MsiXOffset = 0x98;

    private static PciFunction Card()
    {
        var card = new PciFunction { Address = 0x18, MsiX = MsiXOffset + 2 };
        card.ShowBase(0, 0xC000_0000, 0xFFFE_0000);
        card.ShowBase(2, 0xC004_000C, 0xFFFF_C00C);
        card.ShowBase(3, 0, 0xFFFF_FFFF);
        card.OpenCapability(MsiXOffset, 4);
        return card;
    }

    private static (bool Goes, int Bytes, uint Value) Write(ref PciFunction card, int offset, int bytes, uint value)
    {
        bool goes = card.Write(offset, ref bytes, ref value);
        return (goes, bytes, value);
    }

    [Fact]
    public void A_base_address_answers_the_size_probe_and_never_moves()
    {
        PciFunction card = Card();
        Write(ref card, 0x10, 4, 0xFFFF_FFFF).Goes.ShouldBeFalse();
        card.Show(0x10, 0xFEBC_0000).ShouldBe(0xFFFE_0000u);
        Write(ref card, 0x10, 4, 0xD000_0000).Goes.ShouldBeFalse();
        card.Show(0x10, 0xFEBC_0000).ShouldBe(0xC000_0000u);
        card.Show(0x18, 0x1234_500C).ShouldBe(0xC004_000Cu);
        card.Show(0x1C, 0x38).ShouldBe(0u);
    }

    [Fact]
    public void Each_base_address_is_probed_by_itself()
    {
        for (int probed = 0; probed < 6; probed++)
        {
            PciFunction card = Card();
            for (int i = 0; i < 6; i++) card.ShowBase(i, 0x1000u + (uint)i, 0xF000u + (uint)i);
            Write(ref card, 0x10 + 4 * probed, 4, 0xFFFF_FFFF).Goes.ShouldBeFalse();
            for (int i = 0; i < 6; i++) card.Show(0x10 + 4 * i, 0).ShouldBe((i == probed ? 0xF000u : 0x1000u) + (uint)i);
        }
    }

    [Fact]
    public void Base_addresses_that_are_not_passed_the_rom_and_the_interrupt_pin_are_absent()
    {
        PciFunction card = Card();
        foreach (int offset in (int[])[0x14, 0x20, 0x24, 0x28, 0x30, 0x3C]) card.Show(offset, 0xFFFF_FFFF).ShouldBe(0u, $"offset {offset:x}");
        card.Show(0x08, 0x0200_0003).ShouldBe(0x0200_0003u);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void Of_the_command_register_only_harmless_bits_are_written_and_no_status_bit(int bytes)
    {
        PciFunction card = Card();
        (bool goes, int width, uint value) = Write(ref card, 4, bytes, 0xFFFF_FFFF);
        goes.ShouldBeTrue();
        width.ShouldBe(2);
        value.ShouldBe(0x0546u);
    }

    [Fact]
    public void Only_open_capabilities_are_written()
    {
        PciFunction card = Card();
        Write(ref card, MsiXOffset + 2, 2, 0x8000).ShouldBe((true, 2, 0x8000u));
        for (int offset = 0; offset < PciFunction.SpaceBytes; offset++)
        {
            if (offset is 4 or (>= MsiXOffset and < MsiXOffset + 4)) continue;
            Write(ref card, offset, 1, 0xFF).Goes.ShouldBeFalse($"offset {offset:x}");
        }
    }

    [Fact]
    public void No_argument_makes_it_fail()
    {
        PciFunction card = Card();
        for (int offset = -8; offset < 300; offset++)
            foreach (int bytes in (int[])[-1, 0, 1, 2, 3, 4, 8])
                if (Write(ref card, offset, bytes, 0xFFFF_FFFF).Goes) ((offset & 3) + bytes).ShouldBeLessThanOrEqualTo(4);
    }
}
