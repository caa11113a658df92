using Osv.Monitor.Policy;

namespace Osv.Monitor.Tests;

public sealed class PciFunctionTests
{
    private const int MsiXOffset = 0x98;

    private static PciFunction Card()
    {
        var card = new PciFunction { Address = 0x18, MsiX = MsiXOffset };
        card.ShowBase(0, 0xC000_0000, 0xFFFE_0000);
        card.ShowBase(2, 0xC004_000C, 0xFFFF_C00C);
        card.ShowBase(3, 0, 0xFFFF_FFFF);
        card.OpenCapability(MsiXOffset, 4);
        return card;
    }

    private static (bool Goes, int Bytes, uint Value) Write(ref PciFunction card, int offset, int bytes, uint value)
    {
        ConfigWrite result = card.Write(offset, ref bytes, ref value);
        result.ShouldNotBe(ConfigWrite.Message, "interrupts of this function are not remapped");
        return (result == ConfigWrite.Real, bytes, value);
    }

    /// <summary>Interrupts are remapped; MSI with 64-bit address and masks, and MSI-X.</summary>
    private static PciFunction Remapped()
    {
        var card = new PciFunction { Address = 0x18, MsiX = MsiXOffset, Msi = 0x50, MsiIsWide = true, IsRemapped = true };
        card.OpenCapability(0x60, 8);
        return card;
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
        value.ShouldBe(0x0446u);
        Write(ref card, 4, bytes, 0).Value.ShouldBe(0x0400u, "INTx stays off");
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
    public void A_capability_is_opened_from_its_first_byte_to_its_last()
    {
        var card = new PciFunction { Address = 0x18 };
        card.OpenCapability(0x40, 4);
        card.OpenCapability(0x64, 6);
        card.OpenCapability(0x80, 32);
        for (int offset = 0x40; offset < PciFunction.SpaceBytes; offset += 4) Write(ref card, offset, 4, 0).Goes.ShouldBe(offset is 0x40 or 0x64 or 0x68 or (>= 0x80 and < 0xA0), $"offset {offset:x}");
        foreach (int bytes in (int[])[1, 2]) Write(ref card, 0x66, bytes, 0).ShouldBe((true, bytes, 0u));
    }

    /// <summary>A message of 32 bits of address has its data where one of 64 has the upper half.</summary>
    [Fact]
    public void The_data_of_a_short_message_follow_its_address()
    {
        var card = new PciFunction { Address = 0x18, Msi = 0x50, IsRemapped = true };
        int bytes = 2;
        uint value = 0x4031;
        card.Write(0x58, ref bytes, ref value).ShouldBe(ConfigWrite.Message);
        (card.MessageData, card.MessageAddress).ShouldBe((0x4031u, 0ul));
        card.Show(0x58, 7).ShouldBe(0x4031u);
    }

    [Fact]
    public void Half_a_word_of_ones_does_not_begin_a_size_probe()
    {
        PciFunction card = Card();
        foreach (int bytes in (int[])[1, 2]) Write(ref card, 0x10, bytes, 0xFFFF_FFFF).Goes.ShouldBeFalse();
        card.Show(0x10, 0xFEBC_0000).ShouldBe(0xC000_0000u);
    }

    [Fact]
    public void A_remapped_message_is_kept_and_shown_but_never_written()
    {
        PciFunction card = Remapped();
        int bytes = 4;
        uint value = 0xFEE0_1000;
        card.Write(0x54, ref bytes, ref value).ShouldBe(ConfigWrite.Message);
        value = 1;
        card.Write(0x58, ref bytes, ref value).ShouldBe(ConfigWrite.Message);
        bytes = 2;
        value = 0x4031;
        card.Write(0x5C, ref bytes, ref value).ShouldBe(ConfigWrite.Message);
        card.MessageAddress.ShouldBe(0x1_FEE0_1000u);
        card.MessageData.ShouldBe(0x4031u);
        card.Show(0x54, 0xFEE0_0000).ShouldBe(0xFEE0_1000u);
        card.Show(0x58, 0).ShouldBe(1u);
        card.Show(0x5C, 0).ShouldBe(0x4031u);
        card.Forget();
        card.Show(0x54, 0xFEE0_0000).ShouldBe(0u);
        card.Show(0x5C, 7).ShouldBe(0u);
    }

    [Fact]
    public void A_remapped_function_offers_one_message_and_turns_it_on_and_off()
    {
        PciFunction card = Remapped();
        card.Show(0x50, 0x01FF_6005).ShouldBe(0x0181_6005u, "neither capable of several nor enabled for them");
        int bytes = 2;
        uint value = 0x0071;
        card.Write(0x52, ref bytes, ref value).ShouldBe(ConfigWrite.Message);
        value.ShouldBe(1u);
    }

    [Fact]
    public void Of_a_remapped_MSI_X_capability_only_enable_and_mask_are_written_and_of_MSI_the_masks()
    {
        PciFunction card = Remapped();
        int bytes = 2;
        uint value = 0xFFFF;
        card.Write(MsiXOffset + 2, ref bytes, ref value).ShouldBe(ConfigWrite.Real);
        value.ShouldBe(0xC000u);
        bytes = 4;
        card.Write(MsiXOffset, ref bytes, ref value).ShouldBe(ConfigWrite.Dropped);
        card.Write(MsiXOffset + 4, ref bytes, ref value).ShouldBe(ConfigWrite.Dropped, "where the table lies is not the owner's to say");
        card.Write(0x60, ref bytes, ref value).ShouldBe(ConfigWrite.Real);
        bytes = 1;
        foreach (int offset in (int[])[0x52, 0x54, 0x58, 0x5C, MsiXOffset + 2, MsiXOffset + 3])
            card.Write(offset, ref bytes, ref value).ShouldBe(ConfigWrite.Dropped, $"a byte at {offset:x}");
    }

    [Fact]
    public void A_new_owner_finds_no_size_probe_under_way()
    {
        PciFunction card = Card();
        for (int i = 0; i < 6; i++)
        {
            card.ShowBase(i, 0x1000u + (uint)i, 0xF000u + (uint)i);
            Write(ref card, 0x10 + 4 * i, 4, 0xFFFF_FFFF);
        }
        card.Forget();
        for (int i = 0; i < 6; i++) card.Show(0x10 + 4 * i, 0).ShouldBe(0x1000u + (uint)i);
    }

    [Fact]
    public void What_is_shown_of_the_header_says_one_function_without_self_test_or_ports()
    {
        PciFunction card = Card();
        card.Show(0x04, 0x0010_0007).ShouldBe(0x0010_0006u);
        card.Show(0x04, 0).ShouldBe(0u);
        card.Show(0x0C, 0xFF80_4010).ShouldBe(0x0000_4010u);
        card.Show(0x00, 0x1234_5678).ShouldBe(0x1234_5678u);
    }

    [Fact]
    public void A_message_that_is_not_remapped_is_shown_as_the_function_has_it()
    {
        var card = new PciFunction { Address = 0x18, Msi = 0x50 };
        card.Show(0x54, 0xFEE0_1000).ShouldBe(0xFEE0_1000u);
        card.Show(0x58, 0x31).ShouldBe(0x31u);
    }

    /// <summary>Capabilities that begin where others could be thought to: at 0 for what there is not, at the message's own first word.</summary>
    [Fact]
    public void No_write_reaches_the_identification_or_the_first_word_of_a_capability()
    {
        var card = new PciFunction { Address = 0x18, Msi = 0x50, MsiIsWide = true, IsRemapped = true };
        card.OpenCapability(0x50, 24);
        foreach ((int offset, int width) in ((int, int)[])[(0, 4), (0, 2), (2, 2), (0x50, 4), (0x50, 2), (0x50, 1)])
        {
            int bytes = width;
            uint value = 0xFFFF_FFFF;
            card.Write(offset, ref bytes, ref value).ShouldBe(ConfigWrite.Dropped, $"{width} bytes at {offset:x}");
        }
        var without = new PciFunction { Address = 0x18, IsRemapped = true };
        int half = 2;
        uint enable = 1;
        without.Write(2, ref half, ref enable).ShouldBe(ConfigWrite.Dropped, "without MSI there is none to turn on");
        without.Show(0x04, 0x0010_0002).ShouldBe(0x0010_0002u, "without MSI nothing of it is shown");
    }

    [Fact]
    public void No_argument_makes_it_fail()
    {
        NoArgumentFails(Card());
        NoArgumentFails(Remapped());
    }

    private static void NoArgumentFails(PciFunction card)
    {
        for (int offset = -8; offset < 300; offset++)
            foreach (int bytes in (int[])[-1, 0, 1, 2, 3, 4, 8])
            {
                int width = bytes;
                uint value = 0xFFFF_FFFF;
                if (card.Write(offset, ref width, ref value) == ConfigWrite.Dropped) continue;
                bytes.ShouldBeOneOf(1, 2, 4);
                ((offset & 3) + bytes).ShouldBeLessThanOrEqualTo(4);
                offset.ShouldBeInRange(0, PciFunction.SpaceBytes - 1);
            }
    }
}
