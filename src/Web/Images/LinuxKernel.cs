using System.Buffers.Binary;
using Osv.Contracts.BootInterface;
using Osv.Contracts.ControlDevice;
using Osv.Web.Hosting;

namespace Osv.Web.Images;

/// <summary>Checks that a file is a Linux kernel that a partition can boot, by its setup header (Documentation/arch/x86/boot.rst of Linux).</summary>
public static class LinuxKernel
{
    /// <summary>As much of the file as is looked at.</summary>
    public const int HeaderBytes = LinuxBoot.HeaderBytes;

    /// <summary>Version 2.12 introduced xloadflags, which say that there is a 64-bit entry point.</summary>
    private const int OldestProtocol = 0x020C;

    private const int BootFlag = 0x1FE, Magic = 0x202, Version = 0x206, LoadFlags = 0x211, ExtendedLoadFlags = 0x236;

    /// <exception cref="RefusalException">It is none; the message says what was found.</exception>
    public static void Check(ReadOnlySpan<byte> head)
    {
        if (head.Length < HeaderBytes) throw RefusalException.Invalid("kernel", $"the kernel has only {head.Length} bytes: send a bzImage such as /boot/vmlinuz-*");
        if (head.StartsWith("\u007fELF"u8)) throw RefusalException.Invalid("kernel", "the kernel is an ELF file (vmlinux): send the bzImage built from it, such as /boot/vmlinuz-*");
        if (BinaryPrimitives.ReadUInt16LittleEndian(head[BootFlag..]) != 0xAA55 || !head[Magic..].StartsWith("HdrS"u8))
        {
            throw RefusalException.Invalid("kernel", "the kernel is no bzImage (no HdrS at offset 0x202): send a file such as /boot/vmlinuz-*");
        }
        int protocol = BinaryPrimitives.ReadUInt16LittleEndian(head[Version..]);
        if (protocol < OldestProtocol) throw RefusalException.Invalid("kernel", $"the kernel's boot protocol is {protocol >> 8}.{protocol & 0xFF:00}: use a Linux of 3.8 or newer (2.12)");
        if ((head[LoadFlags] & 1) == 0) throw RefusalException.Invalid("kernel", "the kernel is a zImage, which loads below 1 MiB: build a bzImage");
        if ((head[ExtendedLoadFlags] & 1) == 0) throw RefusalException.Invalid("kernel", "the kernel has no 64-bit entry point: use one built for x86-64");
    }

    /// <summary>The least memory, in bytes, in which an agent can put kernel and initial RAM disk: it plans with the same arithmetic.</summary>
    /// <exception cref="RefusalException">They boot in no partition: the kernel is cut short, or all of it is too large.</exception>
    public static long LeastMemory(ReadOnlySpan<byte> head, long kernelBytes, long initrdBytes, int commandLineBytes)
    {
        LinuxBootError error = Plan(head, ControlLayout.WindowBytes);
        if (error != LinuxBootError.None)
        {
            throw error switch
            {
                LinuxBootError.Truncated => RefusalException.Invalid("kernel", $"the kernel is cut short: it has {kernelBytes} bytes, fewer than its header announces; copy it again"),
                LinuxBootError.CommandLineTooLong => RefusalException.Invalid("commandLine", $"the command line has {commandLineBytes} characters, more than this kernel takes: shorten it"),
                LinuxBootError.InitrdTooLarge => RefusalException.Invalid("initrd", $"the initrd has {initrdBytes} bytes and the kernel {kernelBytes}: unpacked, both must fit the first {ControlLayout.WindowBytes >> 20} MiB of a partition; use a smaller initrd"),
                _ => RefusalException.Invalid("kernel", $"the kernel has {kernelBytes} bytes and does not fit the first {ControlLayout.WindowBytes >> 20} MiB of a partition where its header wants to be: use one of a distribution"),
            };
        }
        ulong tooLittle = 0, enough = ControlLayout.WindowBytes / ControlLayout.PageBytes;
        while (enough - tooLittle > 1)
        {
            ulong middle = (tooLittle + enough) / 2;
            if (Plan(head, middle * ControlLayout.PageBytes) == LinuxBootError.None) enough = middle;
            else tooLittle = middle;
        }
        return (long)(enough * ControlLayout.PageBytes);

        LinuxBootError Plan(ReadOnlySpan<byte> header, ulong memoryBytes) =>
            LinuxBoot.Plan(header, (ulong)kernelBytes, (ulong)initrdBytes, commandLineBytes, new MemoryExtent { Bytes = memoryBytes }, out _);
    }
}
