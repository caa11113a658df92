using Osv.Contracts.BootInterface;
using Osv.Contracts.ControlDevice;

namespace Osv.Agent.Partitions;

/// <summary>A kernel or initrd that cannot be booted, with the reason for people.</summary>
public sealed class LinuxBootException(LinuxBootError error) : Exception(Explain(error))
{
    public LinuxBootError Error { get; } = error;

    /// <summary>More memory in one piece would do.</summary>
    public bool IsAboutRoom => Error is LinuxBootError.KernelTooLarge or LinuxBootError.InitrdTooLarge;

    private static string Explain(LinuxBootError error) => error switch
    {
        LinuxBootError.Truncated => "the kernel file is cut short: copy it again",
        LinuxBootError.NotBzImage => "the kernel is not a bzImage: give the vmlinuz of the distribution, not vmlinux",
        LinuxBootError.ProtocolTooOld => "the kernel's boot protocol is older than 2.12: use Linux 3.8 or newer",
        LinuxBootError.No64BitEntry => "the kernel has no 64-bit entry: use an amd64 kernel",
        LinuxBootError.KernelTooLarge => "the kernel does not fit the partition's memory: give the partition more",
        LinuxBootError.InitrdTooLarge => "the initrd does not fit the partition's memory: give the partition more",
        LinuxBootError.CommandLineTooLong => "the kernel command line is too long for this kernel",
        _ => "the partition has no memory at guest address 0",
    };
}

/// <summary>What a tenant boots. The streams are read from their start, once.</summary>
public sealed record LinuxImage(Stream Kernel, Stream? Initrd, ReadOnlyMemory<byte> Seed, ReadOnlyMemory<byte> CommandLine)
{
    /// <summary>The seed begins at a multiple of 4 bytes behind the initrd (Documentation/driver-api/early-userspace/buffer-format.rst).</summary>
    internal long SeedOffset => ((Initrd?.Length ?? 0) + 3) & ~3L;

    internal ulong InitrdBytes => Seed.Length == 0 ? (ulong)(Initrd?.Length ?? 0) : (ulong)(SeedOffset + Seed.Length);
}

/// <summary>The cores and memory that the guest is told of.</summary>
/// <param name="Cores">The boot core first.</param>
/// <param name="Memory">The first extent lies at guest address 0.</param>
/// <param name="MemoryCells">Cell of each extent, numbered within the partition.</param>
/// <param name="HasPci">It owns PCI functions.</param>
public sealed record LinuxMachine(GuestCore[] Cores, MemoryExtent[] Memory, uint[] MemoryCells, bool HasPci = false);

/// <summary>Puts a Linux into a stopped partition and starts it.</summary>
public static class LinuxLoader
{
    /// <summary>Where everything would go.</summary>
    /// <param name="firstBytes">Size of the extent at guest address 0.</param>
    /// <exception cref="LinuxBootException">The kernel is none that boots, or does not fit.</exception>
    public static LinuxBootPlan Plan(LinuxImage image, ulong firstBytes, out byte[] header)
    {
        header = new byte[LinuxBoot.HeaderBytes];
        image.Kernel.Position = 0;
        int read = image.Kernel.ReadAtLeast(header, header.Length, throwOnEndOfStream: false);
        var low = new MemoryExtent { Bytes = Math.Min(firstBytes, ControlLayout.WindowBytes) };
        LinuxBootError error = LinuxBoot.Plan(header.AsSpan(0, read), (ulong)image.Kernel.Length, image.InitrdBytes, image.CommandLine.Length, in low, out LinuxBootPlan plan);
        return error == LinuxBootError.None ? plan : throw new LinuxBootException(error);
    }

    public static void LoadAndStart(ControlDevice device, uint partition, LinuxImage image, LinuxMachine machine)
    {
        LinuxBootPlan plan = Plan(image, machine.Memory[0].Bytes, out byte[] header);
        device.Request.Partition = partition;
        device.Request.Argument = 1;
        device.Request.WindowAddress = 0;
        device.Execute(ControlOperation.Load);
        image.Kernel.Position = plan.KernelFileOffset;
        Fill(image.Kernel, device, plan.KernelAddress, (long)plan.KernelBytes);
        if (image.Initrd is { } initrd)
        {
            initrd.Position = 0;
            Fill(initrd, device, plan.InitrdAddress, initrd.Length);
        }
        image.Seed.Span.CopyTo(device.Window(plan.InitrdAddress + (ulong)image.SeedOffset, image.Seed.Length));
        var platform = new GuestPlatform(machine.Cores, machine.Memory, machine.MemoryCells)
        {
            TimerPort = device.Header.TimerPort,
            TimerIs32Bit = device.Header.TimerIs32Bit != 0,
            HasSerialInterrupt = true,
            HasPci = machine.HasPci,
        };
        LinuxBoot.WriteLowMemory(device.Window(0, (int)GuestMap.OneMebibyte), header, in plan, image.CommandLine.Span, in platform);
        device.Request.Partition = partition;
        device.Request.Entry = plan.Entry;
        device.Execute(ControlOperation.Start);
    }

    private static void Fill(Stream from, ControlDevice device, ulong address, long bytes)
    {
        const int Piece = 1 << 20;
        while (bytes > 0)
        {
            int piece = (int)Math.Min(bytes, Piece);
            from.ReadExactly(device.Window(address, piece));
            address += (ulong)piece;
            bytes -= piece;
        }
    }
}
