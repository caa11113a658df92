using System;
using Osv.Contracts.ControlDevice;
using Osv.Monitor.Hardware;

namespace Osv.Monitor.Startup;

/// <summary>What the firmware's ACPI tables say about this node (ACPI 6.5, chapter 5).</summary>
public static unsafe class Firmware
{
    private const uint Madt = 0x4349_5041, Fadt = 0x5043_4146, Srat = 0x5441_5253, Ivrs = 0x5352_5649, Mcfg = 0x4746_434D;

    public static ushort TimerPort;
    public static bool TimerIs32Bit;
    public static ushort Pm1Control;
    /// <summary>The I/O virtualization table, or null.</summary>
    public static byte* Iommus;
    /// <summary>Where PCI configuration space lies in memory (PCI Firmware 3.2, 4.1.2), and the last bus of it; 0: nowhere.</summary>
    public static ulong ExtendedConfig;
    public static uint LastExtendedBus;
    /// <summary>The I/O APIC that has global interrupt 0, and its pin that the real-time clock drives; 0: none.</summary>
    public static uint IoApic;
    public static uint ClockPin;
    private const uint LegacyClock = 8;

    public static int CoreCount;
    public static uint* ApicIds;
    private static byte* s_srat;

    public static bool Read(BootParameters boot, uint* apicIds)
    {
        ApicIds = apicIds;
        ClockPin = LegacyClock;
        byte* rsdp = boot.AcpiRsdp != 0 ? (byte*)boot.AcpiRsdp : FindRsdp();
        if (rsdp == null) return false;
        bool wide = rsdp[15] >= 2;
        byte* root = wide ? (byte*)*(ulong*)(rsdp + 24) : (byte*)(ulong)*(uint*)(rsdp + 16);
        int width = wide ? 8 : 4;
        int count = *(uint*)(root + 4) < 36 ? 0 : (int)((*(uint*)(root + 4) - 36) / (uint)width);
        for (int i = 0; i < count; i++)
        {
            byte* table = wide ? (byte*)*(ulong*)(root + 36 + i * 8) : (byte*)(ulong)*(uint*)(root + 36 + i * 4);
            switch (*(uint*)table)
            {
                case Madt: ReadMadt(table); break;
                case Fadt: ReadFadt(table); break;
                case Srat: s_srat = table; break;
                case Ivrs: Iommus = table; break;
                case Mcfg: ReadMcfg(table); break;
            }
        }
        return CoreCount != 0;
    }

    /// <summary>EBDA and E0000h-FFFFFh, every 16 bytes (ACPI 5.2.5.1).</summary>
    private static byte* FindRsdp()
    {
        byte* ebda = (byte*)((ulong)*(ushort*)0x40E << 4);
        byte* found = ebda == null ? null : Scan(ebda, ebda + 1024);
        return found != null ? found : Scan((byte*)0xE0000, (byte*)0x100000);
    }

    private static byte* Scan(byte* from, byte* to)
    {
        for (; from < to; from += 16)
        {
            if (*(ulong*)from != 0x2052_5450_2044_5352) continue;
            uint sum = 0;
            for (int i = 0; i < 20; i++) sum += from[i];
            if ((sum & 0xFF) == 0) return from;
        }
        return null;
    }

    private static void ReadMadt(byte* table)
    {
        byte* end = table + *(uint*)(table + 4);
        for (byte* entry = table + 44; IsWhole(entry, end); entry += entry[1])
        {
            if (entry[0] == 0 && entry[1] >= 8 && (entry[4] & 1) != 0) AddCore(entry[3]);
            if (entry[0] == 1 && entry[1] >= 12 && *(uint*)(entry + 8) == 0) IoApic = *(uint*)(entry + 4);
            if (entry[0] == 2 && entry[1] >= 10 && entry[3] == LegacyClock) ClockPin = *(uint*)(entry + 4);
            if (entry[0] == 9 && entry[1] >= 16 && (entry[8] & 1) != 0) AddCore(*(uint*)(entry + 4));
        }
    }

    /// <summary>An entry of MADT or SRAT, type and length first, that does not reach over its table's end.</summary>
    private static bool IsWhole(byte* entry, byte* end) => end - entry >= 2 && entry[1] >= 2 && end - entry >= entry[1];

    private static void AddCore(uint apicId)
    {
        for (int i = 0; i < CoreCount; i++)
            if (ApicIds[i] == apicId) return;
        if (CoreCount < ControlLayout.MaxCores && apicId < Node.ApicIdLimit) ApicIds[CoreCount++] = apicId;
    }

    private static void ReadFadt(byte* table)
    {
        if (*(uint*)(table + 4) < 116) return;      // that of ACPI 1.0
        TimerPort = (ushort)(*(uint*)(table + 76) & 0xFFFF);
        TimerIs32Bit = (*(uint*)(table + 112) & 0x100) != 0;
        Pm1Control = (ushort)(*(uint*)(table + 64) & 0xFFFF);
    }

    /// <summary>Of segment 0, whose first bus is 0.</summary>
    private static void ReadMcfg(byte* table)
    {
        if (*(uint*)(table + 4) < 60 || *(ushort*)(table + 52) != 0 || table[54] != 0) return;
        ExtendedConfig = *(ulong*)(table + 44);
        LastExtendedBus = table[55];
    }

    public static uint CellOfCore(uint apicId)
    {
        if (s_srat == null) return 0;
        byte* end = s_srat + *(uint*)(s_srat + 4);
        for (byte* entry = s_srat + 48; IsWhole(entry, end); entry += entry[1])
        {
            if (entry[0] == 0 && entry[1] >= 16 && entry[3] == apicId && (entry[4] & 1) != 0) return entry[2];
            if (entry[0] == 2 && entry[1] >= 24 && *(uint*)(entry + 8) == apicId && (*(uint*)(entry + 12) & 1) != 0) return *(uint*)(entry + 4);
        }
        return 0;
    }

    /// <summary>Cell of an address, and where the range that says so ends.</summary>
    public static uint CellOfMemory(ulong address, out ulong end)
    {
        end = ulong.MaxValue;
        if (s_srat == null) return 0;
        byte* tableEnd = s_srat + *(uint*)(s_srat + 4);
        for (byte* entry = s_srat + 48; IsWhole(entry, tableEnd); entry += entry[1])
        {
            if (entry[0] != 1 || entry[1] < 40 || (*(uint*)(entry + 28) & 1) == 0) continue;
            ulong start = *(ulong*)(entry + 8), bytes = *(ulong*)(entry + 16);
            if (address < start || address - start >= bytes) continue;
            end = unchecked(start + bytes);
            return *(uint*)(entry + 2);
        }
        return 0;
    }
}
