using Osv.Fuzz.Engine;
using Osv.Monitor.Hardware;
using Osv.Monitor.Policy;

namespace Osv.Fuzz.Targets.Ring0;

/// <summary>Configuration space: what functions say of themselves at start, and what partition 0 does with them.</summary>
internal sealed unsafe class PciTarget : FuzzTarget
{
    private const int Functions = 2;
    private readonly SimulatedProcessor _processor = new();
    private readonly byte[][] _spaces = [new byte[256], new byte[256]];
    private Statics _statics = null!;

    public override string Name => "pci";

    public override string Surface => "configuration space of the node's functions (base addresses, capability lists, MSI and MSI-X), and partition 0's accesses by CF8h and CFCh";

    public override int MaxBytes => 700;

    public override double Weight => 0.1;

    public override void SetUp()
    {
        Cpu.Processor = _processor;
        PassedFunctions.Functions = (PciFunction*)PhysicalMemory.Guarded(sizeof(PciFunction) * PassedFunctions.MaxFunctions);
        PassedFunctions.Memory = (Contracts.ControlDevice.MemoryExtent*)PhysicalMemory.Guarded(sizeof(Contracts.ControlDevice.MemoryExtent) * PassedFunctions.MaxMemory);
        // Eight functions of one slot: the network card has the first, and all of it is looked at.
        for (int i = 0; i < Functions; i++) _processor.Functions[(ushort)(0x10 + i)] = _spaces[i];
        _processor.KeepWrites = true;
        _statics = new Statics(typeof(PassedFunctions).Assembly);
    }

    public override void Run(ReadOnlySpan<byte> input)
    {
        _statics.Restore();
        _processor.Forget();
        new Span<PciFunction>(PassedFunctions.Functions, PassedFunctions.MaxFunctions).Clear();
        var from = new Input(input);
        for (int i = 0; i < Functions; i++)
        {
            PciFunctions.Function((from.Byte() & 3) == 0 ? (byte)1 : (byte)2, 0xFEB0_0000, capabilities: true).CopyTo(_spaces[i], 0);
            for (int patches = from.Byte() & 31; patches > 0 && !from.HasEnded; patches--) _spaces[i][from.Byte()] = from.Byte();
        }
        _spaces[0][0xE] |= 0x80;
        PassedFunctions.Discover();
        CheckMemory();
        _processor.ConfigWrites.Clear();
        while (!from.HasEnded) Access(ref from);
        PassedFunctions.Quiesce();
        foreach ((ushort function, int offset, int bytes, uint value) in _processor.ConfigWrites)
            Check.That(offset + bytes <= 0x100 && (offset == PciFunction.Command ? (value & 4) == 0 : offset >= 0x40), "a function that loses its owner is written elsewhere than it should");
        for (int i = 0; i < PassedFunctions.Count; i++) Check.That((_processor.Functions[PassedFunctions.Functions[i].Address][4] & 4) == 0, "a function that has lost its owner still writes to memory");
    }

    private static void CheckMemory()
    {
        Check.That(PassedFunctions.Count is >= 0 and <= PassedFunctions.MaxFunctions && PassedFunctions.MemoryCount is >= 0 and <= PassedFunctions.MaxMemory, "more functions or memory than fit");
        for (int i = 0; i < PassedFunctions.MemoryCount; i++)
        {
            Contracts.ControlDevice.MemoryExtent memory = PassedFunctions.Memory[i];
            Check.That((memory.GuestAddress | memory.HostAddress | memory.Bytes) % 4096 == 0 && memory.Bytes != 0, "device memory is not made of whole pages");
            Check.That(memory.GuestAddress >= 0xC000_0000 && memory.GuestAddress + memory.Bytes <= 0xE000_0000, "device memory lies outside of its hole");
            for (int k = 0; k < i; k++)
                Check.That(memory.GuestAddress >= PassedFunctions.Memory[k].GuestAddress + PassedFunctions.Memory[k].Bytes || PassedFunctions.Memory[k].GuestAddress >= memory.GuestAddress + memory.Bytes, "two pieces of device memory lie over each other");
        }
    }

    private void Access(ref Input from)
    {
        byte what = from.Byte();
        int bytes = (what >> 1 & 3) switch { 0 => 1, 1 => 2, _ => 4 };
        ushort port = (what & 8) != 0 ? (ushort)(0xCF8 + (what >> 5)) : (ushort)(0xCFC + (what >> 4 & 3));
        if ((what & 1) != 0) ManagementPci.Read(port, bytes);
        else if ((what & 8) != 0) ManagementPci.Write(0xCF8, 4, 0x8000_1000u + (uint)from.Word());
        else Write(port, bytes, from.Dword());
    }

    private void Write(ushort port, int bytes, uint value)
    {
        ManagementPci.Write(port, bytes, value);
        foreach ((ushort function, int offset, int width, uint written) in _processor.ConfigWrites)
        {
            Check.That(width is 1 or 2 or 4 && (offset & 3) + width <= 4, "a write to configuration space is not one that a processor can make");
            Check.That(offset == PciFunction.Command ? width == 2 && (written & ~0x0546u) == 0 : offset >= 0x40, "partition 0 writes a part of configuration that is closed");
            Check.That(_processor.Functions.ContainsKey(function), "a function is written that does not exist");
        }
        _processor.ConfigWrites.Clear();
    }

    public override IEnumerable<byte[]> Seeds() =>
    [
        [1, 0, 0, 0, 8, 0, 0, 4, 255, 255, 255, 255, 5, 8, 16, 0, 4, 255, 255, 255, 255, 5, 8, 0x50, 0, 4, 1, 0, 0, 0],
        [1, 4, 0x10, 4, 0x14, 0, 0x34, 0x70, 0x71, 0x70, 1, 0, 8, 4, 0, 2, 7, 0, 0, 0],
    ];
}
