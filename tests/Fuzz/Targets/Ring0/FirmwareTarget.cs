using System.Runtime.InteropServices;
using Osv.Contracts.ControlDevice;
using Osv.Fuzz.Engine;
using Osv.Monitor.Hardware;
using Osv.Monitor.Startup;

namespace Osv.Fuzz.Targets.Ring0;

/// <summary>The tables that firmware and loader leave. What lies behind a table's end is not mapped.</summary>
internal sealed unsafe class FirmwareTarget : FuzzTarget
{
    private const int Longest = 0x400, Kinds = 6;
    private static readonly byte[][] s_names = ["APIC"u8.ToArray(), "FACP"u8.ToArray(), "SRAT"u8.ToArray(), "IVRS"u8.ToArray(), "IVRS"u8.ToArray(), "MCFG"u8.ToArray()];
    private byte* _table, _page;
    private uint* _ids;
    private MemoryEntry* _memory;
    private Statics _statics = null!;

    public override string Name => "firmware";

    public override string Surface => "ACPI tables (RSDP, XSDT, MADT, FADT, SRAT, IVRS, MCFG), the zero page's memory map and the command line";

    public override int MaxBytes => 600;

    public override void SetUp()
    {
        PhysicalMemory.Map();
        _table = PhysicalMemory.Guarded(Longest) + Longest;
        _page = PhysicalMemory.Guarded(0x1000);
        _ids = (uint*)PhysicalMemory.Guarded(ControlLayout.MaxCores * sizeof(uint));
        _memory = (MemoryEntry*)PhysicalMemory.Guarded(ControlLayout.MaxMemoryEntries * sizeof(MemoryEntry));
        Cpu.Processor = new SimulatedProcessor { Iommu = new SimulatedIommu((byte*)PhysicalMemory.Iommu) };
        Iommu.UseMemory((byte*)NativeMemory.AlignedAlloc((nuint)Iommu.Bytes, 4096));
        _statics = new Statics(typeof(Firmware).Assembly);
    }

    public override void Run(ReadOnlySpan<byte> input)
    {
        _statics.Restore();
        var from = new Input(input);
        byte what = from.Byte();
        var boot = new BootParameters(_page);
        FirmwareImage.Page().CopyTo(new Span<byte>(_page, 0x1000));
        if ((what & 0x80) != 0) Options(boot, from.Rest());
        else if ((what & 0x40) != 0) Ranges(boot, ref from);
        else Tables(boot, what % (Kinds + 1), ref from);
    }

    /// <summary>One table of any content and of any length that it says and has; at last the root table itself.</summary>
    private void Tables(BootParameters boot, int kind, ref Input from)
    {
        ReadOnlySpan<byte> body = from.Rest();
        body = body[..Math.Min(body.Length, Longest - 36)];
        int bytes = 36 + body.Length;
        byte* table = _table - bytes;
        new Span<byte>(table, 36).Clear();
        body.CopyTo(new Span<byte>(table + 36, body.Length));
        FirmwareImage.Put32(new Span<byte>(table, 36), 4, (uint)bytes);
        FirmwareImage.PlaceTables([]);
        if (kind < Kinds)
        {
            s_names[kind].CopyTo(new Span<byte>(table, 4));
            FirmwareImage.PlaceTables([FirmwareImage.Madt(2)]);
            Span<byte> root = new((void*)FirmwareImage.Root, 36 + 16);
            FirmwareImage.Put32(root, 4, 36 + 16);
            FirmwareImage.Put64(root, 36 + 8, (ulong)table);
            if (kind is 3 or 4) FirmwareImage.KeepIommu(new Span<byte>(table, bytes));
        }
        else
        {
            // A root table that says less than a header, or that has a piece of an entry.
            FirmwareImage.Put32(new Span<byte>((void*)FirmwareImage.Root, 36), 4, body.Length == 0 ? 0 : body[0] % 44u);
        }
        Firmware.Read(boot, _ids);
        Check.That(Firmware.CoreCount is >= 0 and <= ControlLayout.MaxCores, "firmware has more cores than fit");
        for (int i = 0; i < Firmware.CoreCount; i++)
        {
            Check.That(_ids[i] < Node.ApicIdLimit, "a core has an id that the fast path cannot look up");
            for (int k = 0; k < i; k++) Check.That(_ids[k] != _ids[i], "a core is named twice");
            Firmware.CellOfCore(_ids[i]);
        }
        if (kind is 3 or 4) StartIommus();
        Collect(boot);
    }

    private static void StartIommus()
    {
        Cpu.Processor.Iommu!.Reset();
        IommuTable.Start(0);
        Check.That(!Iommu.IsOn || Cpu.Processor.Iommu.DeviceTable[0] == 3, "an IOMMU runs without the table that denies everything");
    }

    private void Ranges(BootParameters boot, ref Input from)
    {
        FirmwareImage.PlaceTables([FirmwareImage.Madt(2), FirmwareImage.Srat(2)]);
        Firmware.Read(boot, _ids);
        _page[0x1E8] = from.Byte();
        // Of the payload's place Payload.Open has seen before that it is one.
        FirmwareImage.Put32(new Span<byte>(_page, 0x1000), 0x218, from.Dword());
        FirmwareImage.Put32(new Span<byte>(_page, 0x1000), 0x21C, from.Dword());
        for (int i = 0; i < 168 && !from.HasEnded; i++)
        {
            Span<byte> range = new(_page + 0x2D0 + i * 20, 20);
            byte what = from.Byte();
            bool raw = (what & 1) != 0;
            FirmwareImage.Put64(range, 0, raw ? from.Qword() : (ulong)from.Word() << 20);
            FirmwareImage.Put64(range, 8, raw ? from.Qword() : (ulong)from.Word() << 20);
            FirmwareImage.Put32(range, 16, (uint)(what >> 1 & 3));
        }
        Collect(boot);
    }

    private void Collect(BootParameters boot)
    {
        int count = MemoryMap.Collect(boot, _memory);
        Check.That(count is >= 0 and <= ControlLayout.MaxMemoryEntries, "the memory map has more entries than fit");
        for (int i = 0; i < count; i++)
        {
            MemoryEntry entry = _memory[i];
            Check.That((entry.HostAddress | entry.Bytes) % ControlLayout.PageBytes == 0 && entry.Bytes != 0, "memory is not made of whole pages");
            Check.That(entry.HostAddress >= 16 << 20 && entry.HostAddress + entry.Bytes <= Monitor.Policy.GuestLayout.HostLimit, "memory lies where no partition may have it");
            ulong payload = boot.RamdiskAddress, end = unchecked(payload + boot.RamdiskBytes);
            Check.That(end <= payload || entry.HostAddress >= end || payload >= entry.HostAddress + entry.Bytes, "the payload lies in memory that is given away");
            for (int k = 0; k < i; k++) Check.That(!Overlaps(entry, _memory[k].HostAddress, _memory[k].Bytes), "memory is given away twice");
            for (int k = 0; k < boot.RangeCount; k++)
                Check.That(boot.RangeIsRam(k) || !Overlaps(entry, boot.RangeStart(k), boot.RangeBytes(k)), "what is no RAM is given away as such");
        }
        ulong cut = MemoryMap.CutForMonitor(_memory, count, 4 << 20);
        Check.That(cut == 0 || cut + (4 << 20) <= 4UL << 30, "the monitor's memory lies above 4 GiB");
    }

    private static bool Overlaps(MemoryEntry entry, ulong start, ulong bytes) =>
        bytes != 0 && start < entry.HostAddress + entry.Bytes && (start >= entry.HostAddress || bytes > entry.HostAddress - start);

    private void Options(BootParameters boot, ReadOnlySpan<byte> text)
    {
        // Zero-terminated, as loaders leave it; what lies behind is not mapped.
        byte* line = _table - text.Length - 1;
        text.CopyTo(new Span<byte>(line, text.Length));
        line[text.Length] = 0;
        FirmwareImage.Put32(new Span<byte>(_page, 0x1000), 0x228, (uint)FirmwareImage.CommandLine);
        Span<byte> copy = new((byte*)FirmwareImage.CommandLine, 0x800);
        copy.Clear();
        text[..Math.Min(text.Length, 0x7FF)].CopyTo(copy);
        ulong bytes = boot.Option("p0.memory"u8, 512), again = boot.Option("p0.memory"u8, 7);
        Check.That(bytes == again || (bytes == 512 && again == 7), "an option has two values");
        boot.Option("p0.watch"u8, 60);
    }

    public override IEnumerable<byte[]> Seeds()
    {
        yield return [0, .. FirmwareImage.Madt(4)[36..]];
        yield return [0, .. FirmwareImage.Madt(4, wide: true)[36..]];
        yield return [1, .. FirmwareImage.Fadt()[36..]];
        yield return [2, .. FirmwareImage.Srat(2)[36..]];
        yield return [3, .. FirmwareImage.Ivrs()[36..]];
        yield return [4, .. FirmwareImage.Ivrs()[36..]];
        yield return [5, .. FirmwareImage.Mcfg()[36..]];
        yield return [6, 44];
        yield return [0x40, 2, 0, 0, 0x10, 0x10, 0, 0x10, 0, 0, 2, 0x02, 0x10, 0, 4, 3, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0];
        // A range of RAM within another, and one that is reserved.
        yield return [0x40, 3, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x00, 0x10, 0, 8, 2, 0x00, 0x11, 0, 1, 4, 0x00, 0x14, 0, 1];
        yield return [0x80, .. "p0.memory=1G p0.watch=0 quiet"u8];
    }
}
