namespace Osv.Fuzz.Targets.Ring0;

/// <summary>Functions as a node has them.</summary>
internal static class PciFunctions
{
    /// <summary>A host bridge, a network card with MSI and MSI-X, and a disk controller.</summary>
    public static IEnumerable<(ushort Address, byte[] Space)> Node()
    {
        yield return (0x00, Function(0x06, 0x0000, capabilities: false));
        yield return (0x10, Function(0x02, 0xFEB0_0000, capabilities: true));
        yield return (0x18, Function(0x01, 0xFEB1_0000, capabilities: false));
    }

    public static byte[] Function(byte baseClass, uint memory, bool capabilities)
    {
        var space = new byte[256];
        FirmwareImage.Put32(space, 0, 0x1234_8086);
        FirmwareImage.Put32(space, 4, (capabilities ? 0x10_0000u : 0) | 7);
        space[0x0B] = baseClass;
        FirmwareImage.Put32(space, 0x10, memory);
        if (!capabilities) return space;
        space[0x34] = 0x50;
        FirmwareImage.Put32(space, 0x50, 0x0180_7005);
        FirmwareImage.Put32(space, 0x70, 0x0003_0011);
        return space;
    }
}
