using System;

namespace Osv.Contracts.BootInterface;

/// <summary>
/// ACPI tables of a partition (ACPI 6.5): its own cores and memory and nothing else. Hardware-reduced. The I/O APIC, where there
/// is one, is the monitor's and carries the serial port's interrupt only: none can be routed that the partition does not own.
/// </summary>
public static class AcpiTables
{
    private const int HeaderBytes = 36, RsdpBytes = 36, RsdtSlots = 4;

    /// <summary>Writes all tables; the RSDP lies at the start of the area.</summary>
    /// <param name="area">At least <see cref="GuestMap.AcpiBytes"/> bytes, zeroed.</param>
    /// <param name="address">Guest address of the area.</param>
    public static void Write(Span<byte> area, uint address, in GuestPlatform platform)
    {
        var writer = new TableWriter(area);
        Rsdp(ref writer, address + 64);
        writer.Position = 64 + HeaderBytes + RsdtSlots * 8;

        uint dsdt = address + Align(ref writer);
        Dsdt.Write(ref writer, platform.HasPci, platform.HasSerialInterrupt);
        uint fadt = address + Align(ref writer);
        Fadt(ref writer, dsdt, in platform);
        uint madt = address + Align(ref writer);
        Madt(ref writer, in platform);
        uint cells = CellCount(in platform);
        uint srat = 0, slit = 0;
        if (cells > 1)
        {
            srat = address + Align(ref writer);
            Srat(ref writer, in platform);
            slit = address + Align(ref writer);
            Slit(ref writer, cells);
        }

        writer.Position = 64;
        int start = Begin(ref writer, "XSDT"u8, 1);
        writer.Qword(fadt);
        writer.Qword(madt);
        if (srat != 0)
        {
            writer.Qword(srat);
            writer.Qword(slit);
        }
        End(ref writer, start);
    }

    private static uint Align(ref TableWriter writer)
    {
        while (writer.Position % 16 != 0) writer.Byte(0);
        return (uint)writer.Position;
    }

    /// <summary>Cells are numbered from 0 without gaps.</summary>
    private static uint CellCount(in GuestPlatform platform)
    {
        uint count = 1;
        for (int i = 0; i < platform.Cores.Length; i++)
            if (platform.Cores[i].Cell >= count) count = platform.Cores[i].Cell + 1;
        for (int i = 0; i < platform.MemoryCells.Length; i++)
            if (platform.MemoryCells[i] >= count) count = platform.MemoryCells[i] + 1;
        return count;
    }

    private static void Rsdp(ref TableWriter writer, uint xsdt)
    {
        writer.Text("RSD PTR "u8);
        writer.Byte(0);
        writer.Text("OSVCLD"u8);
        writer.Byte(2);
        writer.Dword(0);
        writer.Dword(RsdpBytes);
        writer.Qword(xsdt);
        writer.Dword(0);
        writer.PatchByte(8, writer.Checksum(0, 20));
        writer.PatchByte(32, writer.Checksum(0, RsdpBytes));
    }

    internal static int Begin(ref TableWriter writer, ReadOnlySpan<byte> signature, byte revision)
    {
        int start = writer.Position;
        writer.Text(signature);
        writer.Dword(0);
        writer.Byte(revision);
        writer.Byte(0);
        writer.Text("OSVCLD"u8);
        writer.Text("OSVCLOUD"u8);
        writer.Dword(1);
        writer.Text("OSV "u8);
        writer.Dword(1);
        return start;
    }

    internal static void End(ref TableWriter writer, int start)
    {
        writer.PatchDword(start + 4, (uint)(writer.Position - start));
        writer.PatchByte(start + 9, writer.Checksum(start, writer.Position));
    }

    /// <summary>Generic address structure of an I/O port (ACPI 5.2.3.2).</summary>
    private static void PortAddress(ref TableWriter writer, ushort port, byte bits)
    {
        writer.Byte((byte)(port == 0 ? 0 : 1));
        writer.Byte(port == 0 ? (byte)0 : bits);
        writer.Byte(0);
        writer.Byte((byte)(port == 0 ? 0 : bits == 32 ? 3 : 1));
        writer.Qword(port);
    }

    private static void Fadt(ref TableWriter writer, uint dsdt, in GuestPlatform platform)
    {
        const uint Wbinvd = 1, PowerButton = 1 << 4, SleepButton = 1 << 5, Timer32 = 1 << 8, ResetRegister = 1 << 10;
        const uint PhysicalDestinations = 1 << 19, HardwareReduced = 1 << 20;
        int start = Begin(ref writer, "FACP"u8, 5);
        writer.Dword(0);
        writer.Dword(dsdt);
        writer.Byte(0);
        writer.Byte(4);                                     // enterprise server
        writer.Zeros(76 - 46);
        writer.Dword(platform.TimerPort);
        writer.Zeros(91 - 80);
        writer.Byte((byte)(platform.TimerPort == 0 ? 0 : 4));
        writer.Zeros(109 - 92);
        writer.Word(0x24);                                  // no VGA, no CMOS clock
        writer.Byte(0);
        writer.Dword(Wbinvd | PowerButton | SleepButton | ResetRegister | PhysicalDestinations | HardwareReduced
            | (platform.TimerIs32Bit ? Timer32 : 0));
        PortAddress(ref writer, GuestMap.ResetPort, 8);
        writer.Byte(GuestMap.ResetValue);
        writer.Word(0);
        writer.Byte(1);                                     // 5.1
        writer.Qword(0);
        writer.Qword(dsdt);
        writer.Zeros(208 - 148);
        PortAddress(ref writer, platform.TimerPort, 32);
        writer.Zeros(24);
        PortAddress(ref writer, GuestMap.SleepPort, 8);
        PortAddress(ref writer, GuestMap.SleepPort + 1, 8);
        End(ref writer, start);
    }

    private static void Madt(ref TableWriter writer, in GuestPlatform platform)
    {
        int start = Begin(ref writer, "APIC"u8, 4);
        writer.Dword(0xFEE0_0000);
        writer.Dword(0);
        if (platform.HasSerialInterrupt)
        {
            writer.Byte(1);                                 // I/O APIC, interrupts from 0
            writer.Byte(12);
            writer.Word(0);
            writer.Dword(GuestMap.IoApic);
            writer.Dword(0);
        }
        for (int i = 0; i < platform.Cores.Length; i++)
        {
            writer.Byte(9);                                 // processor local x2APIC
            writer.Byte(16);
            writer.Word(0);
            writer.Dword(platform.Cores[i].ApicId);
            writer.Dword(1);
            writer.Dword((uint)i);
        }
        End(ref writer, start);
    }

    private static void Srat(ref TableWriter writer, in GuestPlatform platform)
    {
        int start = Begin(ref writer, "SRAT"u8, 3);
        writer.Dword(1);
        writer.Qword(0);
        for (int i = 0; i < platform.Cores.Length; i++)
        {
            writer.Byte(2);                                 // x2APIC affinity
            writer.Byte(24);
            writer.Word(0);
            writer.Dword(platform.Cores[i].Cell);
            writer.Dword(platform.Cores[i].ApicId);
            writer.Dword(1);
            writer.Qword(0);
        }
        for (int i = 0; i < platform.Memory.Length; i++)
        {
            writer.Byte(1);                                 // memory affinity
            writer.Byte(40);
            writer.Dword(platform.MemoryCells[i]);
            writer.Word(0);
            writer.Qword(platform.Memory[i].GuestAddress);
            writer.Qword(platform.Memory[i].Bytes);
            writer.Dword(0);
            writer.Dword(1);
            writer.Qword(0);
        }
        End(ref writer, start);
    }

    private static void Slit(ref TableWriter writer, uint cells)
    {
        int start = Begin(ref writer, "SLIT"u8, 1);
        writer.Qword(cells);
        for (uint i = 0; i < cells; i++)
            for (uint j = 0; j < cells; j++)
                writer.Byte((byte)(i == j ? 10 : 20));
        End(ref writer, start);
    }
}
