using Osv.Contracts.BootInterface;
using Osv.Contracts.ControlDevice;

namespace Osv.Monitor.Hardware;

/// <summary>
/// Configuration space of the made-up PCI function through which partition 0 drives the monitor.
/// Base addresses are fixed: a write only answers the size probe.
/// </summary>
public static class ControlFunction
{
    private static uint s_probing;

    /// <summary>As after a reset: a size probe that a Linux left under way would be the next one's base address.</summary>
    public static void Reset() => s_probing = 0;

    public static void Write(int offset, uint value)
    {
        if (offset is < 0x10 or > 0x24) return;
        uint bit = 1u << ((offset - 0x10) / 4);
        s_probing = value == 0xFFFF_FFFF ? s_probing | bit : s_probing & ~bit;
    }

    public static uint Read(int offset) => offset switch
    {
        0 => ControlLayout.VendorId | ((uint)ControlLayout.DeviceId << 16),
        4 => 0x0000_0003,
        8 => 0x0880_0001,
        >= 0x10 and <= 0x24 => BaseAddress((offset - 0x10) / 4),
        0x2C => ControlLayout.VendorId | ((uint)ControlLayout.DeviceId << 16),
        _ => 0,
    };

    /// <summary>BAR 0: I/O. BAR 2 and 3: shared memory. BAR 4 and 5: load window. 0Ch: 64-bit and prefetchable.</summary>
    private static uint BaseAddress(int bar)
    {
        bool probing = (s_probing >> bar & 1) != 0;
        return bar switch
        {
            0 => probing ? 0xFFFF_FFFD : GuestMap.ControlDoorbell | 1u,
            2 => probing ? ~(ControlLayout.SharedBytes - 1) | 0xCu : (uint)(GuestMap.ControlShared & 0xFFFF_FFFF) | 0xC,
            3 => probing ? 0xFFFF_FFFF : (uint)(GuestMap.ControlShared >> 32),
            4 => probing ? 0xC000_000C : (uint)(GuestMap.ControlWindow & 0xFFFF_FFFF) | 0xC,
            5 => probing ? 0xFFFF_FFFF : (uint)(GuestMap.ControlWindow >> 32),
            _ => 0,
        };
    }
}
