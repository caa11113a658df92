using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace Osv.Fuzz.Targets.Ring0;

/// <summary>What a loader and firmware leave in memory for the monitor: zero page, command line, ACPI tables, payload.</summary>
internal static unsafe class FirmwareImage
{
    public const ulong ZeroPage = PhysicalMemory.Start, CommandLine = ZeroPage + 0x1000, Rsdp = ZeroPage + 0x2000, Root = Rsdp + 0x40, Payload = ZeroPage + 0x10_0000;
    public const ulong Ram = PhysicalMemory.Start + 0x20_0000, RamBytes = PhysicalMemory.Bytes - 0x20_0000;
    public const ulong TimerPort = 0x608;
    public const ulong ExtendedConfig = 0xB000_0000;
    private const int HeaderBytes = 36;

    private static Span<byte> At(ulong address, int bytes) => new((void*)address, bytes);

    /// <summary>A zero page over one range of RAM, as a loader writes it.</summary>
    public static byte[] Page()
    {
        var page = new byte[0x1000];
        Put32(page, 0x218, (uint)Payload);
        Put32(page, 0x21C, 0x1000);
        Put64(page, 0x70, Rsdp);
        Put32(page, 0x228, (uint)CommandLine);
        page[0x1E8] = 2;
        Put64(page, 0x2D0 + 8, 0x9_F000);
        Put32(page, 0x2D0 + 16, 1);
        Put64(page, 0x2D0 + 20, Ram);
        Put64(page, 0x2D0 + 28, RamBytes);
        Put32(page, 0x2D0 + 36, 1);
        return page;
    }

    public static byte[] Madt(int cores, bool wide = false)
    {
        var table = new List<byte>(new byte[44]);
        for (int i = 0; i < cores; i++)
        {
            if (wide) table.AddRange([9, 16, 0, 0, (byte)i, 0, 0, 0, 1, 0, 0, 0, (byte)i, 0, 0, 0]);
            else table.AddRange([0, 8, (byte)i, (byte)i, 1, 0, 0, 0]);
        }
        table.AddRange([1, 12, 0, 0, 0, 0, 0xC0, 0xFE, 0, 0, 0, 0, 2, 10, 0, 8, 8, 0, 0, 0, 0, 0]);
        return Head("APIC", [.. table]);
    }

    public static byte[] Fadt()
    {
        var table = new byte[276];
        Put32(table, 64, 0x604);
        Put32(table, 76, (uint)TimerPort);
        Put32(table, 112, 0x100);
        return Head("FACP", table);
    }

    public static byte[] Srat(int cores)
    {
        var table = new List<byte>(new byte[48]);
        for (int i = 0; i < cores; i++) table.AddRange([0, 16, (byte)(i & 1), (byte)i, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        var memory = new byte[40];
        memory[0] = 1;
        memory[1] = 40;
        Put64(memory, 8, Ram);
        Put64(memory, 16, RamBytes / 2);
        memory[28] = 1;
        table.AddRange(memory);
        return Head("SRAT", [.. table]);
    }

    /// <summary>One unit, and one I/O APIC behind it.</summary>
    public static byte[] Ivrs()
    {
        var table = new byte[96];
        ReadOnlySpan<byte> block = [0x11, 0, 48, 0, 0x20, 0], ioApic = [72, 0, 0, 0, 0, 0xA0, 0, 1];
        block.CopyTo(table.AsSpan(48));
        ioApic.CopyTo(table.AsSpan(88));
        Put64(table, 56, PhysicalMemory.Iommu);
        return Head("IVRS", table);
    }

    /// <summary>Configuration space of all buses in memory.</summary>
    public static byte[] Mcfg()
    {
        var table = new byte[60];
        Put64(table, 44, ExtendedConfig);
        table[55] = 0xFF;
        return Head("MCFG", table);
    }

    /// <summary>Wherever the table may say that there is an IOMMU: it is where it is.</summary>
    public static void KeepIommu(Span<byte> ivrs)
    {
        for (int at = 48, bytes; at + 24 <= ivrs.Length && (bytes = BinaryPrimitives.ReadUInt16LittleEndian(ivrs[(at + 2)..])) >= 24 && at + bytes <= ivrs.Length; at += bytes)
            Put64(ivrs, at + 8, PhysicalMemory.Iommu);
    }

    private static byte[] Head(string name, byte[] table)
    {
        Encoding.ASCII.GetBytes(name, table);
        Put32(table, 4, (uint)table.Length);
        return table;
    }

    /// <summary>The least that passes for a payload: the archive's first member, its manifest, and a loader.</summary>
    public static byte[] Archive(byte[] loader)
    {
        var archive = new byte[(160 + loader.Length + 7) & ~7];
        Encoding.ASCII.GetBytes("070701", archive);
        for (int i = 6; i < 110; i++) archive[i] = (byte)'0';
        Encoding.ASCII.GetBytes("00000028", archive.AsSpan(54));
        Encoding.ASCII.GetBytes("00000009", archive.AsSpan(94));
        Encoding.ASCII.GetBytes("manifest", archive.AsSpan(110));
        loader.CopyTo(archive, 160);
        Seal(archive, (ulong)loader.Length);
        return archive;
    }

    /// <summary>Writes a manifest that is true.</summary>
    public static void Seal(byte[] archive, ulong loaderBytes)
    {
        Put64(archive, 120, 0x334C_5941_5056_534F);
        Put64(archive, 128, (ulong)archive.Length);
        Put64(archive, 144, 160);
        Put64(archive, 152, loaderBytes);
        Put64(archive, 136, Sum(archive));
    }

    /// <summary>Over all words but its own, as monitor/Startup/Payload.cs expects.</summary>
    public static ulong Sum(ReadOnlySpan<byte> archive)
    {
        ulong sum = 0xCBF2_9CE4_8422_2325;
        for (int at = 0; at + 8 <= archive.Length; at += 8)
        {
            if (at != 136) sum = BitOperations.RotateLeft(unchecked((sum ^ BinaryPrimitives.ReadUInt64LittleEndian(archive[at..])) * 0x100_0000_01B3), 29);
        }
        return sum;
    }

    /// <summary>Places the root tables, and the others one behind the other, each at 16 bytes.</summary>
    public static void PlaceTables(ReadOnlySpan<byte[]> tables)
    {
        Span<byte> rsdp = At(Rsdp, 36);
        rsdp.Clear();
        "RSD PTR "u8.CopyTo(rsdp);
        rsdp[15] = 2;
        Put64(rsdp, 24, Root);
        Span<byte> root = At(Root, HeaderBytes + tables.Length * 8);
        root.Clear();
        "XSDT"u8.CopyTo(root);
        Put32(root, 4, (uint)root.Length);
        ulong at = Root + 0x100;
        for (int i = 0; i < tables.Length; i++)
        {
            tables[i].CopyTo(At(at, tables[i].Length));
            Put64(root, HeaderBytes + i * 8, at);
            at = (at + (ulong)tables[i].Length + 15) & ~15UL;
        }
    }

    public static void Place(ulong address, ReadOnlySpan<byte> bytes) => bytes.CopyTo(At(address, bytes.Length));

    public static void Put32(Span<byte> bytes, int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(bytes[offset..], value);

    public static void Put64(Span<byte> bytes, int offset, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(bytes[offset..], value);
}
