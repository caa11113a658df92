using System;
using System.Runtime;
using Osv.Contracts.BootInterface;
using Osv.Contracts.ControlDevice;

namespace Osv.Loader;

/// <summary>
/// Boots the management Linux: kernel and initramfs out of the payload, the machine as the control device describes it.
/// It is a guest like any other and is trusted with nothing; a fault here ends partition 0 alone.
/// </summary>
internal static unsafe class Program
{
    private const int MaxCommandLine = 2047, ArchiveBytesOffset = 128;

    [RuntimeExport("loader_main")]
    public static void Main(byte* payload)
    {
        // The manifest says how long it is, and the monitor has checked that (Startup/Payload.cs).
        var archive = new Archive(payload, *(ulong*)(payload + ArchiveBytesOffset));
        byte* kernel = archive.Find("kernel\0"u8, out ulong kernelBytes);
        byte* initrd = archive.Find("initrd\0"u8, out ulong initrdBytes);
        if (kernel == null || initrd == null) Processor.Stop("the payload has no kernel or no initrd: load the node image as built"u8);

        byte* commandLine = stackalloc byte[MaxCommandLine];
        int length = 0;
        byte* built = archive.Find("cmdline\0"u8, out ulong builtBytes);
        for (ulong i = 0; built != null && i < builtBytes && length < MaxCommandLine; i++) commandLine[length++] = built[i];
        if (length < MaxCommandLine) commandLine[length++] = (byte)' ';
        // What is particular to this node came on the monitor's own command line.
        for (byte* own = (byte*)(ulong)GuestMap.NodeCommandLine; *own != 0 && length < MaxCommandLine; own++) commandLine[length++] = *own;

        byte* shared = (byte*)GuestMap.ControlShared;
        MemoryExtent memory = ((MemoryExtent*)(shared + ControlLayout.ExtentTableOffset))[1];
        var header = new ReadOnlySpan<byte>(kernel, LinuxBoot.HeaderBytes);
        LinuxBootError error = LinuxBoot.Plan(header, kernelBytes, initrdBytes, length, in memory, out LinuxBootPlan plan);
        if (error != LinuxBootError.None) Processor.Stop("the payload's kernel or initramfs does not fit partition 0: give it more with p0.memory"u8);
        if (plan.KernelAddress + kernelBytes > (ulong)payload) Processor.Stop("partition 0 has no room for its kernel beside the payload: give it more with p0.memory"u8);

        WriteTables(shared, in memory, header, in plan, new ReadOnlySpan<byte>(commandLine, length));
        // In this order: the initramfs goes to the top of memory, where it may lie over the payload's kernel.
        Processor.Copy((byte*)plan.KernelAddress, kernel + plan.KernelFileOffset, plan.KernelBytes);
        Processor.Copy((byte*)plan.InitrdAddress, initrd, plan.InitrdBytes);

        byte* gdt = stackalloc byte[10];
        *(ushort*)gdt = (ushort)plan.Entry.GdtLimit;
        *(ulong*)(gdt + 2) = plan.Entry.GdtBase;
        Processor.EnterKernel(plan.Entry.Rip, plan.Entry.Rsi, plan.Entry.Cr3, gdt);
    }

    private static void WriteTables(byte* shared, in MemoryExtent memory, ReadOnlySpan<byte> kernelHeader, in LinuxBootPlan plan, ReadOnlySpan<byte> commandLine)
    {
        var header = (ControlHeader*)(shared + ControlLayout.HeaderOffset);
        var table = (CoreEntry*)(shared + ControlLayout.CoreTableOffset);
        GuestCore* cores = stackalloc GuestCore[ControlLayout.MaxCores];
        int count = 0;
        uint own = Processor.OwnApicId();
        cores[count++] = new GuestCore { ApicId = own };
        for (int i = 0; i < (int)header->CoreCount && i < ControlLayout.MaxCores; i++)
            if (table[i].Partition == 0 && table[i].ApicId != own) cores[count++] = new GuestCore { ApicId = table[i].ApicId };

        uint cell = 0;
        MemoryExtent extent = memory;
        var platform = new GuestPlatform(new ReadOnlySpan<GuestCore>(cores, count), new ReadOnlySpan<MemoryExtent>(&extent, 1), new ReadOnlySpan<uint>(&cell, 1))
        {
            TimerPort = header->TimerPort,
            TimerIs32Bit = header->TimerIs32Bit != 0,
            HasPci = true,
        };
        LinuxBoot.WriteLowMemory(new Span<byte>(null, (int)GuestMap.OneMebibyte), kernelHeader, in plan, commandLine, in platform);
    }
}
