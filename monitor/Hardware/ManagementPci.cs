namespace Osv.Monitor.Hardware;

/// <summary>
/// PCI configuration space of partition 0, mechanism 1 (CF8h/CFCh), always trapped. Bus 0 has a made-up host bridge, the
/// control function, and the functions of the node that are partition 0's; there is nothing else.
/// </summary>
public static class ManagementPci
{
    private const uint Enable = 0x8000_0000;
    private const int HostBridge = 0, Control = 1, FirstPassed = 2;
    private static uint s_address;

    /// <summary>Bus, device and function as partition 0 numbers them, function 0 of bus 0 only; -1 for the rest.
    /// Bits 27:24 select extended registers on AMD processors: there are none.</summary>
    private static int Device => (s_address & 0x8FFF_0700) == Enable ? (int)(s_address >> 11 & 31) : -1;

    public static uint Read(ushort port, int bytes)
    {
        if (port == 0xCF8) return bytes == 4 ? s_address : 0xFFFF_FFFF;
        if (port < 0xCFC) return 0xFFFF_FFFF;
        return Register(Device, (int)(s_address & 0xFC)) >> ((port & 3) * 8);
    }

    private static uint Register(int device, int offset)
    {
        switch (device)
        {
            case HostBridge: return offset switch { 0 => 0x5600_4F53, 8 => 0x0600_0000, _ => 0 };
            case Control: return ControlFunction.Read(offset);
            default:
                int passed = device - FirstPassed;
                return passed >= 0 && passed < PassedFunctions.Count ? PassedFunctions.Read(passed, offset) : 0xFFFF_FFFF;
        }
    }

    public static void Write(ushort port, int bytes, uint value)
    {
        if (port == 0xCF8 && bytes == 4) s_address = value & 0x8FFF_FFFC;
        if (port < 0xCFC) return;
        int offset = (int)(s_address & 0xFC) + (port & 3), device = Device, passed = device - FirstPassed;
        if (device == Control && bytes == 4) ControlFunction.Write(offset, value);
        else if (passed >= 0 && passed < PassedFunctions.Count) PassedFunctions.Write(passed, offset, bytes, value);
    }
}
