using System.Buffers.Binary;
using Osv.Web.Hosting;

namespace Osv.Web.Images;

/// <summary>Checks that a file is a Linux kernel that a partition can boot, by its setup header (Documentation/arch/x86/boot.rst of Linux).</summary>
public static class LinuxKernel
{
    /// <summary>As much of the file as <see cref="Check"/> looks at.</summary>
    public const int HeaderBytes = 0x268;

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
}
