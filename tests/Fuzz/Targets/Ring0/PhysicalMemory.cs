using System.Runtime.InteropServices;

namespace Osv.Fuzz.Targets.Ring0;

/// <summary>
/// Memory at the addresses that the monitor takes for physical: it runs identity-mapped, and so it does here. Around it nothing
/// is mapped, so what is read or written beyond ends the process.
/// </summary>
internal static unsafe partial class PhysicalMemory
{
    public const ulong Start = 0x1000_0000, Bytes = 0x400_0000;
    private const int None = 0, ReadWrite = 3, Private = 2, Anonymous = 0x20, NoReserve = 0x4000, FixedNoReplace = 0x10_0000;

    /// <summary>Where the node's I/O APIC would be.</summary>
    public const ulong IoApic = 0xFEC0_0000;
    /// <summary>Registers of its IOMMU, and memory of its PCI functions.</summary>
    public const ulong Iommu = 0xFED8_0000, Devices = 0xFEB0_0000, DeviceBytes = 0x3_0000;

    public static void Map()
    {
        MapAt(Start, Bytes);
        MapAt(IoApic, 0x1000);
        MapAt(Iommu, Osv.Monitor.Hardware.SimulatedIommu.RegisterBytes);
        MapAt(Devices, DeviceBytes);
    }

    private static void MapAt(ulong address, ulong bytes)
    {
        if ((ulong)mmap((nint)address, (nuint)bytes, ReadWrite, Private | Anonymous | NoReserve | FixedNoReplace, -1, 0) != address)
            throw new InvalidOperationException($"memory at {address:x} is taken: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    /// <summary>Nobody may touch it from now on.</summary>
    public static void Forbid(ulong address, ulong bytes)
    {
        if (mprotect((nint)address, (nuint)bytes, None) != 0) throw new InvalidOperationException($"memory at {address:x} cannot be closed: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    /// <summary>So many bytes that end where mapped memory ends.</summary>
    public static byte* Guarded(int bytes)
    {
        nuint pages = (nuint)(bytes + 4095) / 4096 * 4096;
        byte* start = (byte*)mmap(0, pages + 4096, ReadWrite, Private | Anonymous, -1, 0);
        Forbid((ulong)start + pages, 4096);
        return start + pages - bytes;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint mmap(nint address, nuint bytes, int protection, int flags, int file, long offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int mprotect(nint address, nuint bytes, int protection);
}
