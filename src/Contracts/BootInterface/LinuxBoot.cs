using System;
using Osv.Contracts.ControlDevice;

namespace Osv.Contracts.BootInterface;

/// <summary>Why a kernel or initrd cannot be booted in a partition.</summary>
public enum LinuxBootError
{
    None = 0,
    Truncated,
    NotBzImage,
    ProtocolTooOld,
    No64BitEntry,
    KernelTooLarge,
    InitrdTooLarge,
    CommandLineTooLong,
    NoLowMemory,
}

/// <summary>Where the pieces of a Linux go in guest memory. All addresses are guest addresses.</summary>
public struct LinuxBootPlan
{
    /// <summary>Offset of the protected-mode part in the kernel file.</summary>
    public uint KernelFileOffset;
    public ulong KernelAddress;
    public ulong KernelBytes;
    public ulong InitrdAddress;
    public ulong InitrdBytes;
    public EntryState Entry;
}

/// <summary>
/// The 64-bit Linux boot protocol (Documentation/arch/x86/boot.rst), from the loader's side.
/// The loader boots partition 0 with it, the agent every tenant.
/// </summary>
public static class LinuxBoot
{
    /// <summary>Bytes of the kernel file that <see cref="Plan"/> looks at.</summary>
    public const int HeaderBytes = 0x280;
    private const int SetupSectors = 0x1F1, BootFlag = 0x1FE, HeaderLength = 0x201, Magic = 0x202, Version = 0x206;
    private const int TypeOfLoader = 0x210, LoadFlags = 0x211, RamdiskImage = 0x218, RamdiskSize = 0x21C, CommandLinePointer = 0x228;
    private const int InitrdAddressMax = 0x22C, KernelAlignment = 0x230, RelocatableKernel = 0x234, XLoadFlags = 0x236, CommandLineSize = 0x238, PrefAddress = 0x258, InitSize = 0x260;

    /// <param name="memory">The guest's memory that kernel and initrd may use, below 4 GiB; what of it lies below 1 MiB is not used.</param>
    public static LinuxBootError Plan(ReadOnlySpan<byte> header, ulong kernelBytes, ulong initrdBytes, int commandLineBytes, in MemoryExtent memory, out LinuxBootPlan plan)
    {
        plan = default;
        if (header.Length < HeaderBytes || kernelBytes < HeaderBytes) return LinuxBootError.Truncated;
        if (Read(header, Magic, 4) != 0x5372_6448 || Read(header, BootFlag, 2) != 0xAA55) return LinuxBootError.NotBzImage;
        if (Read(header, Version, 2) < 0x20C) return LinuxBootError.ProtocolTooOld;
        if ((Read(header, XLoadFlags, 2) & 1) == 0) return LinuxBootError.No64BitEntry;
        uint sectors = header[SetupSectors] == 0 ? 4u : header[SetupSectors];
        plan.KernelFileOffset = (sectors + 1) * 512;
        if (kernelBytes <= plan.KernelFileOffset + 0x200UL) return LinuxBootError.Truncated;
        plan.KernelBytes = kernelBytes - plan.KernelFileOffset;
        if (Read(header, 0x1F4, 4) * 16 > plan.KernelBytes + 15) return LinuxBootError.Truncated;
        if ((ulong)commandLineBytes >= Read(header, CommandLineSize, 4) + 1 || commandLineBytes >= GuestMap.CommandLineBytes) return LinuxBootError.CommandLineTooLong;

        ulong memoryStart = memory.GuestAddress < GuestMap.OneMebibyte ? GuestMap.OneMebibyte : memory.GuestAddress;
        ulong memoryEnd = memory.GuestAddress + memory.Bytes;
        plan.KernelAddress = Read(header, PrefAddress, 8);
        ulong alignment = Read(header, KernelAlignment, 4);
        if (plan.KernelAddress < memoryStart && header[RelocatableKernel] != 0 && alignment != 0 && (alignment & (alignment - 1)) == 0)
            plan.KernelAddress = (memoryStart + alignment - 1) & ~(alignment - 1);
        ulong initSize = Read(header, InitSize, 4);
        if (initSize < plan.KernelBytes) initSize = plan.KernelBytes;
        if (plan.KernelAddress < memoryStart || plan.KernelAddress >= memoryEnd || initSize > memoryEnd - plan.KernelAddress) return LinuxBootError.KernelTooLarge;

        ulong top = Read(header, InitrdAddressMax, 4) + 1;
        if (top > memoryEnd) top = memoryEnd;
        ulong floor = plan.KernelAddress + initSize;
        if (floor > top || initrdBytes > top - floor) return LinuxBootError.InitrdTooLarge;
        plan.InitrdAddress = (top - initrdBytes) & ~0xFFFUL;
        if (plan.InitrdAddress < floor) return LinuxBootError.InitrdTooLarge;
        plan.InitrdBytes = initrdBytes;
        plan.Entry = new EntryState
        {
            Rip = plan.KernelAddress + 0x200,
            Rsi = GuestMap.BootParams,
            Cr3 = GuestMap.PageTables,
            GdtBase = GuestMap.Gdt,
            GdtLimit = 0x1F,
            CodeSelector = 0x10,
            DataSelector = 0x18,
        };
        return LinuxBootError.None;
    }

    /// <summary>Writes what lies below 1 MiB: GDT, zero page, command line, page tables, ACPI tables, reset code.</summary>
    /// <param name="low">The guest's first mebibyte, zeroed.</param>
    public static void WriteLowMemory(Span<byte> low, ReadOnlySpan<byte> header, in LinuxBootPlan plan, ReadOnlySpan<byte> commandLine, in GuestPlatform platform)
    {
        var writer = new TableWriter(low);
        writer.Position = (int)GuestMap.Gdt + 0x10;
        writer.Qword(0x00AF_9B00_0000_FFFF);                // 10h: 64-bit code
        writer.Qword(0x00CF_9300_0000_FFFF);                // 18h: data

        writer.Position = (int)GuestMap.PageTables;
        writer.Qword(GuestMap.PageTables + 0x1000 + 3);
        writer.Position = (int)GuestMap.PageTables + 0x1000;
        for (ulong gibibyte = 0; gibibyte < 4; gibibyte++) writer.Qword((gibibyte << 30) | 0x83);

        writer.Position = (int)GuestMap.CommandLine;
        writer.Text(commandLine);
        ZeroPage(ref writer, header, in plan, in platform);
        AcpiTables.Write(low.Slice((int)GuestMap.AcpiTables, (int)GuestMap.AcpiBytes), GuestMap.AcpiTables, in platform);

        // mov dx, reset port; mov al, reset value; out dx, al; hlt
        writer.Position = (int)GuestMap.ResetVector;
        writer.Byte(0xBA);
        writer.Word(GuestMap.ResetPort);
        writer.Byte(0xB0);
        writer.Byte(GuestMap.ResetValue);
        writer.Byte(0xEE);
        writer.Byte(0xF4);
    }

    private static void ZeroPage(ref TableWriter writer, ReadOnlySpan<byte> header, in LinuxBootPlan plan, in GuestPlatform platform)
    {
        int page = (int)GuestMap.BootParams;
        int headerEnd = Magic + header[HeaderLength];
        writer.Position = page + SetupSectors;
        for (int i = SetupSectors; i < headerEnd && i < HeaderBytes; i++) writer.Byte(header[i]);
        writer.PatchByte(page + TypeOfLoader, 0xFF);
        writer.PatchByte(page + LoadFlags, (byte)(header[LoadFlags] | 1));
        writer.PatchDword(page + RamdiskImage, (uint)(plan.InitrdBytes == 0 ? 0 : plan.InitrdAddress));
        writer.PatchDword(page + RamdiskSize, (uint)plan.InitrdBytes);
        writer.PatchDword(page + CommandLinePointer, GuestMap.CommandLine);
        writer.PatchDword(page + 0x70, GuestMap.AcpiTables);      // acpi_rsdp_addr

        writer.Position = page + 0x2D0;                           // E820 table
        int entries = 0;
        E820(ref writer, ref entries, 0, GuestMap.LowEnd, 1);
        E820(ref writer, ref entries, GuestMap.LowEnd, GuestMap.OneMebibyte - GuestMap.LowEnd, 2);
        for (int i = 0; i < platform.Memory.Length; i++)
        {
            ulong start = platform.Memory[i].GuestAddress, bytes = platform.Memory[i].Bytes;
            if (start == 0)
            {
                start = GuestMap.OneMebibyte;
                bytes -= GuestMap.OneMebibyte;
            }
            E820(ref writer, ref entries, start, bytes, 1);
        }
        writer.PatchByte(page + 0x1E8, (byte)entries);
    }

    private static void E820(ref TableWriter writer, ref int entries, ulong start, ulong bytes, uint type)
    {
        writer.Qword(start);
        writer.Qword(bytes);
        writer.Dword(type);
        entries++;
    }

    private static ulong Read(ReadOnlySpan<byte> header, int offset, int bytes)
    {
        ulong value = 0;
        for (int i = bytes - 1; i >= 0; i--) value = (value << 8) | header[offset + i];
        return value;
    }
}
