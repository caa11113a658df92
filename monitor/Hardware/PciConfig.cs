namespace Osv.Monitor.Hardware;

/// <summary>
/// Configuration space of the real machine, mechanism 1 (PCI 3.0, 3.2.2.3.2). The monitor lock is held:
/// an access takes two port accesses.
/// </summary>
public static class PciConfig
{
    private const uint AddressPort = 0xCF8, DataPort = 0xCFC, Enable = 0x8000_0000;

    /// <param name="function">Bus, device and function: bits 15:8, 7:3, 2:0.</param>
    /// <param name="offset">Of a double word.</param>
    public static uint Read(ushort function, int offset)
    {
        Select(function, offset);
        return Cpu.In32(DataPort);
    }

    /// <summary>Writes just these bytes: beside them may lie bits that a one clears.</summary>
    public static void Write(ushort function, int offset, int bytes, uint value)
    {
        Select(function, offset);
        uint port = DataPort + ((uint)offset & 3);
        switch (bytes)
        {
            case 1: Cpu.Out8(port, value); break;
            case 2: Cpu.Out16(port, value); break;
            default: Cpu.Out32(port, value); break;
        }
    }

    private static void Select(ushort function, int offset) => Cpu.Out32(AddressPort, Enable | ((uint)function << 8) | ((uint)offset & 0xFC));
}
