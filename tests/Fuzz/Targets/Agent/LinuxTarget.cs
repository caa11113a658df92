using System.Buffers.Binary;
using Osv.Contracts.BootInterface;
using Osv.Contracts.ControlDevice;
using Osv.Fuzz.Engine;
using Osv.Monitor.Policy;

namespace Osv.Fuzz.Targets.Agent;

/// <summary>A tenant's kernel: the header decides where everything goes in guest memory.</summary>
internal sealed class LinuxTarget : FuzzTarget
{
    private const ulong Mebibyte = 1 << 20;
    private readonly byte[] _low = new byte[Mebibyte];

    public override string Name => "linux";

    public override string Surface => "the header of a bzImage (any field), sizes of kernel, initrd and command line, and the partition's cores and memory; what the agent and partition 0's loader make of them";

    public override int MaxBytes => 320;

    public override void Run(ReadOnlySpan<byte> input)
    {
        var from = new Input(input);
        Span<byte> header = stackalloc byte[LinuxBoot.HeaderBytes];
        Header(header);
        for (int patches = from.Byte() & 15; patches > 0 && !from.HasEnded; patches--)
        {
            int at = 0x1F0 + from.Byte() % (LinuxBoot.HeaderBytes - 0x1F0);
            ReadOnlySpan<byte> patch = from.Take(from.Byte() & 7);
            patch[..Math.Min(patch.Length, header.Length - at)].CopyTo(header[at..]);
        }
        byte what = from.Byte();
        ulong kernelBytes = (what & 1) != 0 ? from.Dword() : from.Word() * 64ul, initrdBytes = (what & 2) != 0 ? from.Qword() : from.Word() * 64ul;
        int commandLine = from.Word() % (int)(GuestMap.CommandLineBytes + 2);
        // The extent is one that the monitor has accepted.
        var memory = new MemoryExtent { GuestAddress = (ulong)from.Byte() << 21, Bytes = (1ul + from.Word()) << 21 };
        if (!GuestLayout.IsWellFormed(in memory)) return;
        LinuxBootError error = LinuxBoot.Plan(header[..Math.Min(header.Length, (what & 4) != 0 ? from.Word() : header.Length)], kernelBytes, initrdBytes, commandLine, in memory, out LinuxBootPlan plan);
        Check.That(Enum.IsDefined(error), "a kernel is refused for no reason");
        if (error != LinuxBootError.None) return;
        CheckPlan(in plan, in memory, kernelBytes, initrdBytes);
        Write(header, in plan, commandLine, in memory, ref from);
    }

    private static void CheckPlan(in LinuxBootPlan plan, in MemoryExtent memory, ulong kernelBytes, ulong initrdBytes)
    {
        ulong end = memory.GuestAddress + memory.Bytes;
        Check.That(plan.KernelFileOffset + plan.KernelBytes == kernelBytes && plan.KernelBytes != 0, "more is read of the kernel's file than it has");
        Check.That(plan.KernelAddress >= Mebibyte && plan.KernelAddress >= memory.GuestAddress && plan.KernelAddress < end && plan.KernelBytes <= end - plan.KernelAddress, "the kernel lies outside of the partition's memory");
        Check.That(plan.InitrdBytes == initrdBytes && plan.InitrdAddress >= plan.KernelAddress + plan.KernelBytes && plan.InitrdAddress <= end && initrdBytes <= end - plan.InitrdAddress, "the initrd lies over the kernel or outside of the partition's memory");
        Check.That(initrdBytes == 0 || (plan.InitrdAddress <= uint.MaxValue && initrdBytes <= uint.MaxValue), "the boot protocol cannot name the place of the initrd");
        Check.That(GuestLayout.IsEntry(in plan.Entry), "the monitor would refuse the entry state");
    }

    private void Write(scoped ReadOnlySpan<byte> header, scoped in LinuxBootPlan plan, int commandLine, scoped in MemoryExtent memory, ref Input from)
    {
        Span<GuestCore> cores = stackalloc GuestCore[1 + from.Below(64)];
        for (int i = 0; i < cores.Length; i++) cores[i] = new GuestCore { ApicId = from.Word(), Cell = from.Byte() & 15u };
        Span<MemoryExtent> extents = stackalloc MemoryExtent[1 + from.Below(ControlLayout.MaxExtents)];
        Span<uint> cells = stackalloc uint[extents.Length];
        extents[0] = memory;
        for (int i = 1; i < extents.Length; i++)
        {
            extents[i] = new MemoryExtent { GuestAddress = (4ul << 30) + ((ulong)i << 30), Bytes = (1ul + from.Byte()) << 21 };
            cells[i] = from.Byte() & 15u;
        }
        Span<byte> line = stackalloc byte[commandLine];
        line.Fill((byte)'x');
        byte what = from.Byte();
        _low.AsSpan().Clear();
        var platform = new GuestPlatform(cores, extents, cells) { TimerPort = from.Word(), TimerIs32Bit = (what & 1) != 0, HasPci = (what & 2) != 0, HasSerialInterrupt = (what & 4) != 0 };
        LinuxBoot.WriteLowMemory(_low, header, in plan, line, in platform);
        CheckLow(commandLine, extents.Length + 2);
    }

    private void CheckLow(int commandLine, int ranges)
    {
        Check.That(_low[(int)GuestMap.CommandLine + commandLine] == 0, "the command line has no end");
        Check.That(_low[(int)GuestMap.BootParams + 0x1E8] == ranges, "the memory map has another length than it says");
        Check.That(!_low.AsSpan((int)GuestMap.LowEnd, (int)(GuestMap.AcpiTables - GuestMap.LowEnd)).ContainsAnyExcept((byte)0), "tables lie outside of their place");
        ReadOnlySpan<byte> tables = _low.AsSpan((int)GuestMap.AcpiTables, (int)GuestMap.AcpiBytes);
        Check.That(SumOf(tables[..36]) == 0, "the root pointer has a wrong sum");
        ReadOnlySpan<byte> root = tables[64..];
        root = root[..BinaryPrimitives.ReadInt32LittleEndian(root[4..])];
        for (int at = 36; at < root.Length; at += 8)
        {
            int table = (int)(BinaryPrimitives.ReadUInt64LittleEndian(root[at..]) - GuestMap.AcpiTables);
            int bytes = BinaryPrimitives.ReadInt32LittleEndian(tables[(table + 4)..]);
            Check.That(SumOf(tables.Slice(table, bytes)) == 0, "a table has a wrong sum");
        }
    }

    private static byte SumOf(ReadOnlySpan<byte> bytes)
    {
        byte sum = 0;
        foreach (byte one in bytes) sum = unchecked((byte)(sum + one));
        return sum;
    }

    /// <summary>The least that passes for the header of a bzImage (Documentation/arch/x86/boot.rst).</summary>
    public static void Header(Span<byte> kernel)
    {
        kernel.Clear();
        kernel[0x1F1] = 4;
        BinaryPrimitives.WriteUInt16LittleEndian(kernel[0x1FE..], 0xAA55);
        kernel[0x201] = 0x6A;
        "HdrS"u8.CopyTo(kernel[0x202..]);
        BinaryPrimitives.WriteUInt16LittleEndian(kernel[0x206..], 0x20F);
        BinaryPrimitives.WriteUInt32LittleEndian(kernel[0x22C..], 0x7FFF_FFFF);
        BinaryPrimitives.WriteUInt32LittleEndian(kernel[0x230..], 0x20_0000);
        kernel[0x234] = 1;
        kernel[0x236] = 1;
        BinaryPrimitives.WriteUInt32LittleEndian(kernel[0x238..], 2047);
        BinaryPrimitives.WriteUInt64LittleEndian(kernel[0x258..], 0x100_0000);
        BinaryPrimitives.WriteUInt32LittleEndian(kernel[0x260..], 1 << 20);
    }

    public override IEnumerable<byte[]> Seeds() =>
    [
        [0, 0, 0, 4, 0, 1, 10, 0, 0, 0, 2, 3, 1, 0, 0, 2, 0, 1, 1, 4, 0],
        [1, 0x68, 4, 0, 0, 0x20, 0, 0, 0, 4, 0, 0, 10, 0, 0, 0, 2],
        [2, 0x40, 4, 0, 0, 0, 0, 0x44, 1, 0, 3, 0, 0x10, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 20, 0, 0, 0, 8],
    ];
}
