using Osv.Monitor.Hardware;

namespace Osv.Monitor.Startup;

/// <summary>The firmware's I/O virtualization table (IVRS; AMD I/O Virtualization Technology 3.10, chapter 5): which IOMMUs there are.</summary>
public static unsafe class IommuTable
{
    private const uint FirstBlock = 48, Special = 72, IoApic = 1;
    private const uint MsiCapability = 5, MessageAddress = 0xFEE0_0000, NmiMode = 0x400, MsiEnable = 1, MsiIsWide = 0x80;

    /// <summary>Turns them all on. Where one cannot do what is needed none is used, and the sentence says so.</summary>
    /// <param name="eventCore">An NMI to this core says that an access was refused.</param>
    public static void Start(uint eventCore)
    {
        byte* table = Firmware.Iommus;
        if (table == null)
        {
            Log.Text("osv-monitor: no AMD-Vi: devices are not confined, tenants get none\r\n"u8);
            return;
        }
        byte* end = table + *(uint*)(table + 4);
        for (byte* block = table + FirstBlock; end - block >= 24 && *(ushort*)(block + 2) >= 24 && end - block >= *(ushort*)(block + 2); block += *(ushort*)(block + 2))
        {
            if (block[0] is not (0x10 or 0x11 or 0x40)) continue;
            if (!Iommu.Add(*(ulong*)(block + 8), *(ushort*)(block + 16)))
            {
                Log.Text("osv-monitor: AMD-Vi lacks x2APIC interrupt remapping, or there are several PCI segments: devices are not confined, tenants get none\r\n"u8);
                Iommu.GiveUp();
                return;
            }
            FindIoApics(block);
            SendEventsTo(*(ushort*)(block + 4), eventCore);
        }
        Iommu.TurnOn();
        Log.Text(Iommu.IsOn ? "osv-monitor: AMD-Vi confines all devices\r\n"u8 : "osv-monitor: the firmware's table names no AMD-Vi: devices are not confined, tenants get none\r\n"u8);
    }

    /// <summary>Entries of a block have 4 bytes by the upper bits of their type, twice as many for each step of them; 240 says its own length.</summary>
    private static void FindIoApics(byte* block)
    {
        byte* end = block + *(ushort*)(block + 2);
        uint bytes;
        for (byte* entry = block + (block[0] == 0x10 ? 24 : 40); end - entry >= 4; entry += bytes)
        {
            bytes = entry[0] < 240 ? 4u << (entry[0] >> 6) : end - entry >= 22 ? 22u + entry[21] : 22;
            if (entry[0] == Special && end - entry >= 8 && entry[7] == IoApic) Iommu.PassNmiOf(*(ushort*)(entry + 5));
        }
    }

    /// <summary>An IOMMU's own interrupt is not remapped. Where the core's id is too large for it, the watch's clock looks for events.</summary>
    private static void SendEventsTo(ushort function, uint core)
    {
        int at = PciConfig.FindCapability(function, MsiCapability, 16);
        if (at == 0 || core > Policy.CpuidPolicy.LastPlainApicId) return;
        uint control = PciConfig.Read(function, at) >> 16;
        PciConfig.Write(function, at + 4, 4, MessageAddress | core << 12);
        if ((control & MsiIsWide) != 0) PciConfig.Write(function, at + 8, 4, 0);
        PciConfig.Write(function, at + ((control & MsiIsWide) != 0 ? 12 : 8), 2, NmiMode);
        PciConfig.Write(function, at + 2, 2, control | MsiEnable);
    }
}
