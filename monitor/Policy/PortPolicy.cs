using System;

namespace Osv.Monitor.Policy;

/// <summary>What an I/O port access that left the guest means.</summary>
public enum PortVerdict
{
    /// <summary>An absent device: writes vanish, reads give <c>value</c>.</summary>
    Absent,
    Serial,
    PciConfig,
    Reset,
    Sleep,
    Panic,
    Doorbell,
}

/// <summary>I/O ports: closed unless listed. Ports are numbers of this table, not of the chipset.</summary>
public static class PortPolicy
{
    public const ushort Serial = 0x3F8, Doorbell = 0x5600, ResetControl = 0xCF9, SleepControl = 0x604, Panic = 0x505;

    /// <summary>pvpanic: panicked, and panicked with a crash kernel that takes over. Not the third event, an orderly shutdown.</summary>
    private const uint PanicEvents = 3;

    /// <summary>The power-management timer is read-only and harmless: open for all. Partition 0 also gets the real UART.</summary>
    public static void FillPermissionMap(Span<byte> map, ushort timerPort, bool management)
    {
        for (int i = 0; i < map.Length; i++) map[i] = 0xFF;
        if (timerPort != 0) Open(map, timerPort, 4);
        if (management) Open(map, Serial, 8);
    }

    private static void Open(Span<byte> map, int port, int count)
    {
        for (int i = port; i < port + count; i++) map[i >> 3] = (byte)(map[i >> 3] & ~(1 << (i & 7)) & 0xFF);
    }

    public static PortVerdict Read(ushort port, bool management, out uint value)
    {
        value = port switch
        {
            // Timer 2 output high ends the calibration loop, an idle keyboard controller and RTC end theirs.
            0x61 => 0x20,
            0x42 or 0x64 or 0x71 => 0,
            Panic => PanicEvents,
            _ => 0xFFFF_FFFF,
        };
        return port switch
        {
            >= Serial and < Serial + 8 => PortVerdict.Serial,
            >= 0xCF8 and <= 0xCFF => PortVerdict.PciConfig,
            Doorbell => management ? PortVerdict.Doorbell : PortVerdict.Absent,
            _ => PortVerdict.Absent,
        };
    }

    /// <summary>Also every way in which Linux asks for a reset: ACPI register, CF9h, keyboard controller, port 92h.</summary>
    public static PortVerdict Write(ushort port, int bytes, uint value, bool management) => port switch
    {
        >= Serial and < Serial + 8 => PortVerdict.Serial,
        ResetControl when bytes == 1 => (value & 4) != 0 ? PortVerdict.Reset : PortVerdict.Absent,
        0x64 => (value & 0xFF) == 0xFE ? PortVerdict.Reset : PortVerdict.Absent,
        0x92 => (value & 1) != 0 ? PortVerdict.Reset : PortVerdict.Absent,
        SleepControl => (value & 0x20) != 0 ? PortVerdict.Sleep : PortVerdict.Absent,
        Panic => (value & PanicEvents) != 0 ? PortVerdict.Panic : PortVerdict.Absent,
        >= 0xCF8 and <= 0xCFF => PortVerdict.PciConfig,
        Doorbell => management ? PortVerdict.Doorbell : PortVerdict.Absent,
        _ => PortVerdict.Absent,
    };
}
