using CsCheck;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Tests;

public sealed class PortPolicyTests
{
    private static int[] OpenPorts(ushort timerPort, bool management)
    {
        var map = new byte[0x3000];
        PortPolicy.FillPermissionMap(map, timerPort, management);
        return [.. Enumerable.Range(0, map.Length * 8).Where(port => (map[port / 8] & (1 << (port % 8))) == 0)];
    }

    [Fact]
    public void A_tenant_reaches_the_power_management_timer_and_no_other_port() => OpenPorts(0x608, false).ShouldBe([0x608, 0x609, 0x60A, 0x60B]);

    [Fact]
    public void Partition_0_also_reaches_the_serial_port() => OpenPorts(0x608, true).ShouldBe([.. Enumerable.Range(0x3F8, 8), 0x608, 0x609, 0x60A, 0x60B]);

    [Fact]
    public void Without_a_timer_nothing_is_open() => OpenPorts(0, false).ShouldBeEmpty();

    [Fact]
    public void The_only_port_that_two_partitions_share_is_the_timer() =>
        OpenPorts(0x608, true).Intersect(OpenPorts(0x608, false)).ShouldBe([0x608, 0x609, 0x60A, 0x60B]);

    [Theory]
    [InlineData(0xCF9, 1, 0x06, PortVerdict.Reset)]
    [InlineData(0xCF9, 1, 0x02, PortVerdict.Absent)]
    [InlineData(0xCF9, 4, 0x06, PortVerdict.PciConfig)]
    [InlineData(0xCF8, 4, 0x8000_0000, PortVerdict.PciConfig)]
    [InlineData(0xCFC, 4, 6, PortVerdict.PciConfig)]
    [InlineData(0xCFF, 1, 6, PortVerdict.PciConfig)]
    [InlineData(0x64, 1, 0xFE, PortVerdict.Reset)]
    [InlineData(0x64, 1, 0xFF, PortVerdict.Absent)]
    [InlineData(0x92, 1, 0x01, PortVerdict.Reset)]
    [InlineData(0x92, 1, 0x02, PortVerdict.Absent)]
    [InlineData(0x604, 2, 0x2000, PortVerdict.Absent)]
    [InlineData(0x604, 1, 0x34, PortVerdict.Sleep)]
    [InlineData(0x3F8, 1, 0x41, PortVerdict.Serial)]
    [InlineData(0x3FF, 1, 0x41, PortVerdict.Serial)]
    [InlineData(0x400, 1, 0x41, PortVerdict.Absent)]
    [InlineData(0x505, 1, 1, PortVerdict.Panic)]
    [InlineData(0x505, 1, 2, PortVerdict.Panic)]
    [InlineData(0x80, 1, 1, PortVerdict.Absent)]
    public void A_write_means(int port, int bytes, uint value, PortVerdict verdict)
    {
        PortPolicy.Write((ushort)port, bytes, value, management: false).ShouldBe(verdict);
        PortPolicy.Write((ushort)port, bytes, value, management: true).ShouldBe(verdict);
    }

    [Fact]
    public void An_orderly_shutdown_is_no_panic()
    {
        // pvpanic's third event, which newer kernels send at every power-off to a device that says it takes it.
        PortPolicy.Read(0x505, management: true, out uint events).ShouldBe(PortVerdict.Absent);
        (events & 4).ShouldBe(0u);
        PortPolicy.Write(0x505, 1, 4, management: true).ShouldBe(PortVerdict.Absent);
    }

    [Fact]
    public void The_doorbell_is_there_for_partition_0_only()
    {
        PortPolicy.Write(0x5600, 4, 1, management: true).ShouldBe(PortVerdict.Doorbell);
        PortPolicy.Read(0x5600, management: true, out _).ShouldBe(PortVerdict.Doorbell);
        PortPolicy.Write(0x5600, 4, 1, management: false).ShouldBe(PortVerdict.Absent);
        PortPolicy.Read(0x5600, management: false, out uint value).ShouldBe(PortVerdict.Absent);
        value.ShouldBe(0xFFFF_FFFF);
    }

    [Fact]
    public void A_tenant_can_ring_no_doorbell_with_any_port_size_or_value()
    {
        Gen.Select(Gen.UShort, Gen.OneOf(1, 2, 4), Gen.UInt).Sample((port, bytes, value) =>
            PortPolicy.Write(port, bytes, value, management: false).ShouldNotBe(PortVerdict.Doorbell));
    }

    [Theory]
    [InlineData(0x42, 0)]
    [InlineData(0x71, 0)]
    [InlineData(0x64, 0)]
    [InlineData(0x61, 0x20)]
    [InlineData(0x60, 0xFFFF_FFFF)]
    [InlineData(0x1F0, 0xFFFF_FFFF)]
    public void An_absent_device_answers(int port, uint expected)
    {
        PortPolicy.Read((ushort)port, management: false, out uint value).ShouldBe(PortVerdict.Absent);
        value.ShouldBe(expected);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Each_of_all_ports_is_the_device_that_the_table_says_and_no_other(bool management)
    {
        for (int port = 0; port <= 0xFFFF; port++)
        {
            PortVerdict device = port switch
            {
                0x3F8 or 0x3F9 or 0x3FA or 0x3FB or 0x3FC or 0x3FD or 0x3FE or 0x3FF => PortVerdict.Serial,
                0xCF8 or 0xCF9 or 0xCFA or 0xCFB or 0xCFC or 0xCFD or 0xCFE or 0xCFF => PortVerdict.PciConfig,
                0x5600 => management ? PortVerdict.Doorbell : PortVerdict.Absent,
                _ => PortVerdict.Absent,
            };
            uint shown = port switch { 0x42 or 0x64 or 0x71 => 0, 0x61 => 0x20, 0x505 => 3, _ => 0xFFFF_FFFF };
            PortPolicy.Read((ushort)port, management, out uint value).ShouldBe(device);
            value.ShouldBe(shown, $"port {port:X}h");
            // With no bit set a write asks for nothing; with all set, for all that a port can do.
            PortPolicy.Write((ushort)port, 1, 0, management).ShouldBe(port == 0xCF9 ? PortVerdict.Absent : device);
            PortPolicy.Write((ushort)port, 4, 0xFFFF_FFFF, management).ShouldBe(port switch
            {
                0x92 => PortVerdict.Reset,
                0x505 => PortVerdict.Panic,
                0x604 => PortVerdict.Sleep,
                _ => device,
            });
        }
    }

    /// <summary>One bit of each asks for it, or one value; no other does.</summary>
    [Fact]
    public void Every_byte_that_resets_sleeps_or_panics_has_the_bit_for_it()
    {
        for (uint value = 0; value < 256; value++)
        {
            PortPolicy.Write(0xCF9, 1, value, false).ShouldBe((value & 4) != 0 ? PortVerdict.Reset : PortVerdict.Absent, $"CF9h, {value:x}");
            PortPolicy.Write(0x92, 1, value, false).ShouldBe((value & 1) != 0 ? PortVerdict.Reset : PortVerdict.Absent, $"92h, {value:x}");
            PortPolicy.Write(0x64, 1, value, false).ShouldBe(value == 0xFE ? PortVerdict.Reset : PortVerdict.Absent, $"64h, {value:x}");
            PortPolicy.Write(0x604, 1, value, false).ShouldBe((value & 0x20) != 0 ? PortVerdict.Sleep : PortVerdict.Absent, $"604h, {value:x}");
            PortPolicy.Write(0x505, 1, value, false).ShouldBe((value & 3) != 0 ? PortVerdict.Panic : PortVerdict.Absent, $"505h, {value:x}");
        }
    }
}
