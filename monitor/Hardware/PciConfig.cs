namespace Osv.Monitor.Hardware;

/// <summary>
/// Configuration space of the real machine, mechanism 1 (PCI 3.0, 3.2.2.3.2). An access takes two port accesses, under a lock
/// of its own: a function is reset without the monitor lock.
/// </summary>
public static unsafe class PciConfig
{
    private const uint AddressPort = 0xCF8, DataPort = 0xCFC, Enable = 0x8000_0000, CapabilityList = 0x10_0000;
    private static TicketLock s_lock;

    /// <param name="function">Bus, device and function: bits 15:8, 7:3, 2:0.</param>
    /// <param name="offset">Of a double word.</param>
    public static uint Read(ushort function, int offset)
    {
        fixed (TicketLock* guard = &s_lock)
        {
            Select(guard, function, offset);
            uint value = Cpu.In32(DataPort);
            TicketLock.Leave(guard);
            return value;
        }
    }

    /// <summary>Writes just these bytes: beside them may lie bits that a one clears.</summary>
    public static void Write(ushort function, int offset, int bytes, uint value)
    {
        fixed (TicketLock* guard = &s_lock)
        {
            Select(guard, function, offset);
            uint port = DataPort + ((uint)offset & 3);
            switch (bytes)
            {
                case 1: Cpu.Out8(port, value); break;
                case 2: Cpu.Out16(port, value); break;
                default: Cpu.Out32(port, value); break;
            }
            TicketLock.Leave(guard);
        }
    }

    /// <summary>Follows the list of extended capabilities (PCI Express 5.0, 7.6.3). Null: none of this kind, or no way to reach it.</summary>
    public static uint* FindExtended(ushort function, uint kind)
    {
        byte* space = (byte*)(Startup.Firmware.ExtendedConfig + ((ulong)function << 12));
        bool reaches = Startup.Firmware.ExtendedConfig != 0 && function >> 8 <= Startup.Firmware.LastExtendedBus && HostPageTable.Reach((ulong)space, 4096);
        // Whatever the firmware says lies there: it is this function, or nothing that may be written.
        if (!reaches || Cpu.Load32((uint*)space) != Read(function, 0)) return null;
        uint at = 0x100;
        for (int i = 0; i < 256 && at is >= 0x100 and <= 0xFF8; i++)
        {
            uint header = Cpu.Load32((uint*)(space + at));
            if ((header & 0xFFFF) == kind) return (uint*)(space + at);
            at = header >> 20 & 0xFFC;
        }
        return null;
    }

    private static void Select(TicketLock* guard, ushort function, int offset)
    {
        TicketLock.Enter(guard);
        Cpu.Out32(AddressPort, Enable | ((uint)function << 8) | ((uint)offset & 0xFC));
    }

    /// <summary>Follows the capability list, at most as often as there is room for capabilities; 0: none of this kind that has room for its bytes.</summary>
    public static int FindCapability(ushort function, uint kind, int bytes)
    {
        if ((Read(function, 4) & CapabilityList) == 0) return 0;
        int at = (int)(Read(function, 0x34) & 0xFC);
        for (int i = 0; i < 48 && at >= 0x40; i++)
        {
            uint header = Read(function, at);
            if ((header & 0xFF) == kind) return at + bytes <= 256 ? at : 0;
            at = (int)(header >> 8 & 0xFC);
        }
        return 0;
    }
}
