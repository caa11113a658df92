using CsCheck;
using Osv.Contracts.ControlDevice;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Tests;

public sealed class IoApicTests
{
    private const uint Select = 0, Window = 0x10;

    private static IoApic Fresh()
    {
        var made = new IoApic();
        made.Reset();
        return made;
    }

    private static uint Get(ref IoApic ioApic, uint register)
    {
        ioApic.Write(Select, register);
        return ioApic.Read(Window);
    }

    private static void Set(ref IoApic ioApic, uint register, uint value)
    {
        ioApic.Write(Select, register);
        ioApic.Write(Window, value);
    }

    private static void Direct(ref IoApic ioApic, int pin, uint low, uint high)
    {
        Set(ref ioApic, 0x10 + (uint)pin * 2, low);
        Set(ref ioApic, 0x11 + (uint)pin * 2, high);
    }

    [Fact]
    public void It_says_that_it_has_24_pins_and_all_are_masked_at_first()
    {
        IoApic ioApic = Fresh();
        Get(ref ioApic, 1).ShouldBe(0x17_0011u);
        for (uint pin = 0; pin < 24; pin++) Get(ref ioApic, 0x10 + pin * 2).ShouldBe(0x1_0000u);
        Get(ref ioApic, 0x40).ShouldBe(0u);
    }

    [Fact]
    public void A_redirection_entry_keeps_what_is_defined_and_reset_masks_it()
    {
        IoApic ioApic = Fresh();
        Direct(ref ioApic, 23, 0xFFFF_FFFF, 0x1234_5678);
        Get(ref ioApic, 0x3E).ShouldBe(0x1_AFFFu);
        Get(ref ioApic, 0x3F).ShouldBe(0x1234_5678u);
        ioApic.Reset();
        Get(ref ioApic, 0x3E).ShouldBe(0x1_0000u);
        Get(ref ioApic, 0x3F).ShouldBe(0u);
    }

    [Fact]
    public void Only_select_and_window_are_registers()
    {
        IoApic ioApic = Fresh();
        Direct(ref ioApic, 23, 0x31, 0x1234_5678);
        ioApic.Write(Select, 0x3F);
        for (uint offset = 1; offset < 0x1000; offset++)
        {
            if (offset == Window) continue;
            ioApic.Write(offset, 7);
            ioApic.Read(offset).ShouldBe(0u, $"{offset:x}");
        }
        ioApic.Read(Select).ShouldBe(0x3Fu);
        ioApic.Read(Window).ShouldBe(0x1234_5678u);
    }

    [Fact]
    public void Any_access_at_any_offset_is_answered()
    {
        Gen.Select(Gen.UInt[0, 0xFFF], Gen.UInt, Gen.Bool).Array[1, 50].Sample(accesses =>
        {
            IoApic ioApic = Fresh();
            foreach ((uint offset, uint value, bool write) in accesses)
            {
                if (write) ioApic.Write(offset, value);
                else ioApic.Read(offset);
            }
        });
    }

    /// <summary>What lies behind its entries would be taken for one: a tenant's own console says on which pin it wants to be heard.</summary>
    [Fact]
    public void A_pin_that_there_is_not_raises_nothing()
    {
        TestNode node = TestNode.WithRunningTenant();
        IoApic[] neighbours = [Fresh(), Fresh(), Fresh()];
        foreach (ref IoApic ioApic in neighbours.AsSpan())
        {
            for (int pin = 0; pin < 24; pin++) Direct(ref ioApic, pin, 0x31, node.Cores[1].ApicId << 24);
            ioApic.Write(Select, 0x31);
        }
        node.Cores[1].ApicId.ShouldBe(2u);
        neighbours[1].Raise<RecordingHardware>(node.Machine, 1, 23).ShouldBeTrue();
        // The first word of the next would be bits 31:0 of the entry, its second 63:32: id 0, a core of partition 0's unless it is made the tenant's.
        node.Cores[0].Partition = 1;
        foreach (int pin in (int[])[-25, -24, -1, 24, 25, 48]) neighbours[1].Raise<RecordingHardware>(node.Machine, 1, pin).ShouldBeFalse($"pin {pin}");
    }

    [Fact]
    public void A_pin_reaches_a_running_core_of_the_partition_with_a_fixed_interrupt_or_nobody()
    {
        Gen<uint> high = Gen.OneOf(Gen.UInt, Gen.UInt[0, 8].Select(id => id << 24));
        Gen.Select(Gen.UInt, high, Gen.Int[-2, 26], Gen.Int[0, 3].Array[6], Gen.Int[0, 2].Array[6]).Sample((low, destination, pin, owners, modes) =>
        {
            var node = new TestNode([0, 1, 2, 3, 4, 0x105]);
            for (int i = 0; i < 6; i++)
            {
                node.Cores[i].Partition = owners[i] == 3 ? Machine.Nobody : (ushort)owners[i];
                node.Cores[i].Mode = (CoreMode)modes[i];
            }
            IoApic ioApic = Fresh();
            if (pin is >= 0 and < 24) Direct(ref ioApic, pin, low, destination);

            bool sent = ioApic.Raise<RecordingHardware>(node.Machine, 1, pin);

            uint id = destination / 0x100_0000 + destination / 0x2_0000 % 0x80 * 0x100;
            bool deliverable = pin is >= 0 and < 24 && (low & 0x1_0000) == 0 && (low & 0x800) == 0 && (low / 0x100 % 8) is 0 or 1 && low % 0x100 >= 16;
            Core[] target = [.. node.Cores.Where(core => core.ApicId == id && core.Partition == 1 && core.Mode == CoreMode.Running)];
            Interrupt[] expected = deliverable && target.Length == 1 ? [new Interrupt(id, (byte)low)] : [];
            sent.ShouldBe(expected.Length == 1);
            RecordingHardware.Calls.ShouldBe(expected);
        }, iter: 20_000);
    }
}
