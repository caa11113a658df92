using Osv.Fuzz.Engine;
using Osv.Monitor;
using Osv.Monitor.Hardware;
using Osv.Monitor.Startup;

namespace Osv.Fuzz.Targets.Ring0;

/// <summary>The whole start of the monitor, up to where partition 0 is entered, over what firmware and loader left.</summary>
internal sealed unsafe class BootTarget : FuzzTarget
{
    private const int Pieces = 8;
    private readonly SimulatedNode _node = new();
    private readonly byte[][] _tables = [FirmwareImage.Madt(4), FirmwareImage.Fadt(), FirmwareImage.Srat(4), FirmwareImage.Ivrs()];
    private readonly byte[] _page = FirmwareImage.Page(), _archive = FirmwareImage.Archive(new byte[256]);
    private Statics _statics = null!;

    public override string Name => "boot";

    public override string Surface => "the monitor's start to partition 0's first entry: tables, memory map, command line, payload and configuration space, changed together";

    public override int MaxBytes => 400;

    public override double Weight => 0.004;

    public override void SetUp()
    {
        PhysicalMemory.Map();
        _statics = new Statics(typeof(Firmware).Assembly);
        foreach ((ushort address, byte[] space) in PciFunctions.Node()) _node.Processor.Functions[address] = space;
        Check.That(Start(), "a node as it should be does not boot");
    }

    public override void Run(ReadOnlySpan<byte> input)
    {
        var from = new Input(input);
        _statics.Restore();
        _node.Processor.Forget();
        byte[] page = [.. _page], archive = [.. _archive];
        byte[][] tables = [.. _tables.Select(table => (byte[])table.Clone())];
        _node.Processor.OwnId = 0;
        _node.Processor.PhysicalShift = 1;
        ReadOnlySpan<byte> line = "p0.memory=4M p0.watch=0 "u8;
        while (!from.HasEnded)
        {
            byte what = from.Byte();
            switch (what % Pieces)
            {
                case < 5: Patch(tables[Math.Min(what % Pieces, 3)], 8, ref from); break;
                case 5: Patch(page, (what & 0x80) != 0 ? 0x1E8 : 0x2D0, ref from); break;
                case 6: Patch(archive, 110, ref from); break;
                default:
                    if ((what & 0x80) != 0) line = from.Take(from.Byte() & 63);
                    else _node.Processor.OwnId = from.Word();
                    break;
            }
        }
        Place(page, archive, tables, line);
        Start();
    }

    /// <summary>Some bytes of it, from <paramref name="first"/> on. The I/O APIC is where it is: the monitor writes to it.</summary>
    private static void Patch(byte[] piece, int first, ref Input from)
    {
        int at = first + from.Word() % (piece.Length - first);
        foreach (byte one in from.Take(from.Byte() & 15))
            if (at < piece.Length) piece[at++] = one;
    }

    private static void Place(byte[] page, byte[] archive, byte[][] tables, ReadOnlySpan<byte> line)
    {
        // What a loader promises: the payload lies where it says, and tables have the length that they say.
        FirmwareImage.Put32(page, 0x218, (uint)FirmwareImage.Payload);
        FirmwareImage.Put32(page, 0x21C, (uint)archive.Length);
        FirmwareImage.Put32(page, 0x228, (uint)FirmwareImage.CommandLine);
        FirmwareImage.Put64(page, 0x70, FirmwareImage.Rsdp);
        for (int i = 0; i < (page[0x1E8] & 127); i++) KeepInMemory(page.AsSpan(0x2D0 + i * 20, 16));
        for (int at = 44; at + 12 <= tables[0].Length; at++)
            if (tables[0][at] == 1 && tables[0][at + 1] >= 12) FirmwareImage.Put32(tables[0], at + 4, (uint)PhysicalMemory.IoApic);
        FirmwareImage.KeepIommu(tables[3]);
        FirmwareImage.Place(FirmwareImage.ZeroPage, page);
        Span<byte> text = new((byte*)FirmwareImage.CommandLine, 0x800);
        text.Clear();
        line.CopyTo(text);
        FirmwareImage.Place(FirmwareImage.Payload, archive);
        FirmwareImage.PlaceTables(tables);
    }

    /// <summary>RAM is RAM: of a range only what exists is claimed.</summary>
    private static void KeepInMemory(Span<byte> range)
    {
        ulong start = BitConverter.ToUInt64(range), bytes = BitConverter.ToUInt64(range[8..]);
        const ulong End = PhysicalMemory.Start + PhysicalMemory.Bytes, LowEnd = 0x9_F000;
        if (start < LowEnd)
        {
            FirmwareImage.Put64(range, 8, Math.Min(bytes, LowEnd - start));
            return;
        }
        start = FirmwareImage.Ram + start % FirmwareImage.RamBytes;
        FirmwareImage.Put64(range, 0, start);
        FirmwareImage.Put64(range, 8, Math.Min(bytes, End - start));
    }

    /// <summary>True when partition 0 has been entered; else the node has said why not.</summary>
    private bool Start()
    {
        if (Cpu.Processor != _node.Processor) Place(_page, _archive, _tables, "p0.memory=4M"u8);
        try
        {
            _node.Boot();
            Check.That(Node.Partitions[0].State == Osv.Contracts.ControlDevice.PartitionState.Running, "the monitor enters a partition 0 that does not run");
            return true;
        }
        catch (ProcessorHalted)
        {
            Check.That(!Panic.IsOver, "the monitor panics at start");
            Check.That(_node.Processor.Said.Contains("osv-monitor: ", StringComparison.Ordinal), "the monitor halts without a word");
            return false;
        }
    }

    public override IEnumerable<byte[]> Seeds() =>
    [
        [], [7, 2, 0], [0, 36, 0, 4, 9, 16, 0, 0], [2, 48, 0, 2, 1, 40], [5, 8, 0, 4, 0, 0, 0x20, 0], [6, 10, 0, 1, 1], [0x87, 12, .. "p0.cores=4  "u8], [0x87, 12, .. "p0.memory=9G"u8],
    ];
}
