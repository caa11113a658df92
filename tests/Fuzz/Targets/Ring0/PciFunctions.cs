namespace Osv.Fuzz.Targets.Ring0;

/// <summary>Functions as a node has them.</summary>
internal static class PciFunctions
{
    public const ushort NetworkCard = 0x10, TenantsDisk = 0x18, NeighboursDisk = 0x28;

    /// <summary>A host bridge, a network card and two disk controllers with all capabilities, and an IOMMU.</summary>
    public static IEnumerable<(ushort Address, byte[] Space)> Node()
    {
        yield return (0x00, Function(0x06, 0x0000, capabilities: false));
        yield return (NetworkCard, Function(0x02, (uint)PhysicalMemory.Devices, capabilities: true));
        yield return (TenantsDisk, Function(0x01, (uint)PhysicalMemory.Devices + 0x1_0000, capabilities: true));
        yield return (0x20, Function(0x08, 0, capabilities: false));
        yield return (NeighboursDisk, Function(0x01, (uint)PhysicalMemory.Devices + 0x2_0000, capabilities: true));
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
        // Four messages, their table where the memory begins; a function-level reset.
        FirmwareImage.Put32(space, 0x70, 0x0003_9011);
        FirmwareImage.Put32(space, 0x90, 0x0002_0010);
        FirmwareImage.Put32(space, 0x94, 1 << 28);
        return space;
    }
}
