using System;
using Osv.Contracts.ControlDevice;

namespace Osv.Contracts.BootInterface;

/// <summary>The differentiated system description table, in AML (ACPI 6.5, chapter 20).</summary>
internal static class Dsdt
{
    private const byte NameOp = 0x08, ScopeOp = 0x10, BufferOp = 0x11, PackageOp = 0x12, BytePrefix = 0x0A, WordPrefix = 0x0B, DwordPrefix = 0x0C, StringPrefix = 0x0D;
    private const byte ExtendedOp = 0x5B, DeviceOp = 0x82;

    public static void Write(ref TableWriter writer, bool hasPci, bool hasSerialInterrupt)
    {
        int table = AcpiTables.Begin(ref writer, "DSDT"u8, 2);
        SoftOff(ref writer);
        writer.Byte(ScopeOp);
        int scope = BeginPackage(ref writer);
        writer.Text("\\_SB_"u8);
        Serial(ref writer, hasSerialInterrupt);
        PanicDevice(ref writer);
        if (hasPci) PciRoot(ref writer);
        EndPackage(ref writer, scope);
        AcpiTables.End(ref writer, table);
    }

    /// <summary>A package length of two bytes: up to 4,095 (ACPI 20.2.4).</summary>
    private static int BeginPackage(ref TableWriter writer)
    {
        int position = writer.Position;
        writer.Word(0);
        return position;
    }

    private static void EndPackage(ref TableWriter writer, int position)
    {
        int length = writer.Position - position;
        writer.PatchByte(position, (byte)(0x40 | (length & 0xF)));
        writer.PatchByte(position + 1, (byte)(length >> 4));
    }

    /// <summary>_S5: sleep type 5 in the sleep control register.</summary>
    private static void SoftOff(ref TableWriter writer)
    {
        writer.Byte(NameOp);
        writer.Text("_S5_"u8);
        writer.Byte(PackageOp);
        int package = BeginPackage(ref writer);
        writer.Byte(4);
        for (int i = 0; i < 4; i++)
        {
            writer.Byte(BytePrefix);
            writer.Byte((byte)(i == 0 ? 5 : 0));
        }
        EndPackage(ref writer, package);
    }

    private static int BeginDevice(ref TableWriter writer, ReadOnlySpan<byte> name, byte uid)
    {
        writer.Byte(ExtendedOp);
        writer.Byte(DeviceOp);
        int package = BeginPackage(ref writer);
        writer.Text(name);
        writer.Byte(NameOp);
        writer.Text("_UID"u8);
        writer.Byte(BytePrefix);
        writer.Byte(uid);
        return package;
    }

    /// <summary>An EISA id: "PNP0501" is 0x0105D041.</summary>
    private static void HardwareId(ref TableWriter writer, uint eisaId)
    {
        writer.Byte(NameOp);
        writer.Text("_HID"u8);
        writer.Byte(DwordPrefix);
        writer.Dword(eisaId);
    }

    private static int BeginResources(ref TableWriter writer, out int start)
    {
        writer.Byte(NameOp);
        writer.Text("_CRS"u8);
        writer.Byte(BufferOp);
        int package = BeginPackage(ref writer);
        writer.Byte(WordPrefix);
        writer.Word(0);
        start = writer.Position;
        return package;
    }

    private static void EndResources(ref TableWriter writer, int package, int start)
    {
        writer.Byte(0x79);                                  // end tag, checksum not used
        writer.Byte(0);
        int bytes = writer.Position - start;
        writer.PatchByte(start - 2, (byte)(bytes & 0xFF));
        writer.PatchByte(start - 1, (byte)(bytes >> 8));
        EndPackage(ref writer, package);
    }

    private static void IoPorts(ref TableWriter writer, ushort port, byte count)
    {
        writer.Byte(0x47);
        writer.Byte(1);
        writer.Word(port);
        writer.Word(port);
        writer.Byte(1);
        writer.Byte(count);
    }

    /// <summary>A 16550. Without an interrupt its driver polls.</summary>
    private static void Serial(ref TableWriter writer, bool hasInterrupt)
    {
        int device = BeginDevice(ref writer, "COM0"u8, 0);
        HardwareId(ref writer, 0x0105_D041);
        int resources = BeginResources(ref writer, out int start);
        IoPorts(ref writer, GuestMap.SerialPort, 8);
        if (hasInterrupt)
        {
            writer.Byte(0x89);                              // extended interrupt: consumer, edge, active high
            writer.Word(6);
            writer.Byte(3);
            writer.Byte(1);
            writer.Dword(GuestMap.SerialInterrupt);
        }
        EndResources(ref writer, resources, start);
        EndPackage(ref writer, device);
    }

    /// <summary>The panic notification device that Linux calls pvpanic.</summary>
    private static void PanicDevice(ref TableWriter writer)
    {
        int device = BeginDevice(ref writer, "PEVT"u8, 0);
        writer.Byte(NameOp);
        writer.Text("_HID"u8);
        writer.Byte(StringPrefix);
        writer.Text("QEMU0001\0"u8);
        int resources = BeginResources(ref writer, out int start);
        IoPorts(ref writer, GuestMap.PanicPort, 1);
        EndResources(ref writer, resources, start);
        EndPackage(ref writer, device);
    }

    private static void PciRoot(ref TableWriter writer)
    {
        int device = BeginDevice(ref writer, "PCI0"u8, 0);
        HardwareId(ref writer, 0x030A_D041);                // PNP0A03
        int resources = BeginResources(ref writer, out int start);
        writer.Byte(0x88);                                  // word address space: bus numbers
        writer.Word(13);
        writer.Byte(2);
        writer.Byte(0x0C);
        writer.Byte(0);
        writer.Word(0);
        writer.Word(0);
        writer.Word(0xFF);
        writer.Word(0);
        writer.Word(0x100);
        IoPorts(ref writer, 0xCF8, 8);
        writer.Byte(0x88);                                  // word address space: I/O
        writer.Word(13);
        writer.Byte(1);
        writer.Byte(0x0C);
        writer.Byte(3);
        writer.Word(0);
        writer.Word(0x1000);
        writer.Word(0xFFFF);
        writer.Word(0);
        writer.Word(0xF000);
        writer.Byte(0x87);                                  // double word address space: memory
        writer.Word(23);
        writer.Byte(0);
        writer.Byte(0x0C);
        writer.Byte(3);
        writer.Dword(0);
        writer.Dword(0xC000_0000);
        writer.Dword(0xFEBF_FFFF);
        writer.Dword(0);
        writer.Dword(0x3EC0_0000);
        QwordMemory(ref writer, GuestMap.ControlWindow, ControlLayout.WindowBytes);
        EndResources(ref writer, resources, start);
        EndPackage(ref writer, device);
    }

    private static void QwordMemory(ref TableWriter writer, ulong address, ulong bytes)
    {
        writer.Byte(0x8A);                                  // quad word address space: prefetchable memory
        writer.Word(43);
        writer.Byte(0);
        writer.Byte(0x0C);
        writer.Byte(7);
        writer.Qword(0);
        writer.Qword(address);
        writer.Qword(address + bytes - 1);
        writer.Qword(0);
        writer.Qword(bytes);
    }
}
