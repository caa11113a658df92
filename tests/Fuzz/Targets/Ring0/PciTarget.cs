using System.Runtime.InteropServices;
using Osv.Contracts.ControlDevice;
using Osv.Fuzz.Engine;
using Osv.Monitor.Hardware;
using Osv.Monitor.Policy;
using Osv.Monitor.Startup;

namespace Osv.Fuzz.Targets.Ring0;

/// <summary>Configuration space and MSI-X tables: what functions say of themselves at start, and what their owners do with them.</summary>
internal sealed unsafe class PciTarget : FuzzTarget
{
    private const int Functions = 2, Owners = 2, TablePages = 8;
    private readonly SimulatedProcessor _processor = new();
    private readonly byte[][] _spaces = [new byte[256], new byte[256]];
    private Statics _statics = null!;
    private ulong* _root;
    private byte* _iommuMemory, _pages, _page;
    /// <summary>Stores to device memory, since the last look.</summary>
    private readonly List<(ulong Address, uint Value)> _stores = [];

    public override string Name => "pci";

    public override string Surface => "configuration space of the node's functions (base addresses, capability lists, MSI and MSI-X), accesses of two partitions by CF8h and CFCh and to MSI-X tables, and the resets of both";

    public override int MaxBytes => 700;

    public override double Weight => 0.1;

    public override void SetUp()
    {
        Cpu.Processor = _processor;
        Node.Functions = (PciFunction*)PhysicalMemory.Guarded(sizeof(PciFunction) * ControlLayout.MaxFunctions);
        Node.DeviceMemory = (MemoryExtent*)PhysicalMemory.Guarded(sizeof(MemoryExtent) * ControlLayout.MaxFunctions * PciFunction.BaseAddresses);
        Node.Messages = PhysicalMemory.Guarded(4096 * Functions);
        Node.Partitions = (Partition*)PhysicalMemory.Guarded(sizeof(Partition) * ControlLayout.MaxPartitions);
        Node.Cores = (Core*)PhysicalMemory.Guarded(sizeof(Core) * Owners);
        Node.NestedRoots = (ulong**)PhysicalMemory.Guarded(8 * ControlLayout.MaxPartitions);
        Node.CoreCount = Owners;
        _root = (ulong*)NativeMemory.AlignedAlloc(4096, 4096);
        for (int i = 0; i < Owners; i++)
        {
            Node.Cores[i] = new Core { ApicId = (uint)i, Partition = (ushort)i };
            Node.NestedRoots[i] = _root;
        }
        Firmware.TimerPort = (ushort)FirmwareImage.TimerPort;
        Firmware.ExtendedConfig = FirmwareImage.ExtendedConfig;
        Firmware.LastExtendedBus = 0xFF;
        _processor.Symbols = (byte*)NativeMemory.AlignedAlloc(SimulatedProcessor.SymbolBytes, 4096);
        _page = PhysicalMemory.Guarded(0x1000);
        FirmwareImage.Page().CopyTo(new Span<byte>(_page, 0x1000));
        _pages = (byte*)NativeMemory.AlignedAlloc(TablePages * 4096, 4096);
        _processor.Iommu = new SimulatedIommu((byte*)NativeMemory.AlignedAlloc(SimulatedIommu.RegisterBytes, 4096));
        _processor.Iommu.Reset();
        _iommuMemory = (byte*)NativeMemory.AlignedAlloc((nuint)Iommu.Bytes, 4096);
        Iommu.UseMemory(_iommuMemory);
        // Functions of one slot: all of it is looked at.
        for (int i = 0; i < Functions; i++) _processor.Functions[(ushort)(0x10 + i)] = _spaces[i];
        _processor.KeepWrites = true;
        _processor.Device = (address, value) =>
        {
            if (value is { } stored) _stores.Add((address, stored));
            // The head of extended configuration space says whose it is.
            var function = (ushort)((address - FirmwareImage.ExtendedConfig) >> 12);
            bool isHead = address >= FirmwareImage.ExtendedConfig && address < FirmwareImage.ExtendedConfig + (1UL << 28) && address % 4096 == 0;
            return isHead && _processor.Functions.TryGetValue(function, out byte[]? space) ? MemoryMarshal.Read<uint>(space) : 0x5A5A_5A5A;
        };
        _statics = new Statics(typeof(Node).Assembly);
    }

    public override void Run(ReadOnlySpan<byte> input)
    {
        _statics.Restore();
        _processor.Forget();
        _processor.Iommu!.Reset();
        _stores.Clear();
        new Span<byte>(_processor.Symbols, SimulatedProcessor.SymbolBytes).Clear();
        PagePool.Add((ulong)_pages, TablePages * 4096);
        new Span<byte>(Node.Functions, sizeof(PciFunction) * ControlLayout.MaxFunctions).Clear();
        new Span<byte>(Node.DeviceMemory, sizeof(MemoryExtent) * ControlLayout.MaxFunctions * PciFunction.BaseAddresses).Clear();
        new Span<byte>(Node.Messages, 4096 * Functions).Clear();
        new Span<byte>(Node.Partitions, sizeof(Partition) * ControlLayout.MaxPartitions).Clear();
        var from = new Input(input);
        byte shape = from.Byte();
        PlaceFunctions(shape, ref from);
        if ((shape & 0x80) == 0) StartIommu();
        Osv.Monitor.Startup.Functions.Discover(new BootParameters(_page));
        CheckMemory();
        for (int i = 0; i < Node.FunctionCount; i++) Node.Functions[i].Partition = (ushort)((shape >> 4 & 3) == 3 ? 0 : i);
        for (int i = 0; i < Owners; i++)
        {
            Node.Partitions[i].State = PartitionState.Running;
            RingZero.AttachFunctions(i);
        }
        _processor.ConfigWrites.Clear();
        while (!from.HasEnded) Access(ref from);
        Reset();
    }

    private void PlaceFunctions(byte shape, ref Input from)
    {
        byte kind = shape;
        for (int i = 0; i < Functions; i++)
        {
            PciFunctions.Function((kind & 3) == 0 ? (byte)1 : (byte)2, 0xFEB0_0000 + (uint)i * 0x1_0000, capabilities: true).CopyTo(_spaces[i], 0);
            for (int patches = from.Byte() & 31; patches > 0 && !from.HasEnded; patches--) _spaces[i][from.Byte()] = from.Byte();
            if (i == 0) kind = from.Byte();
        }
        _spaces[0][0xE] |= 0x80;
    }

    private void StartIommu()
    {
        // The last page: where in its rings the unit is.
        new Span<byte>(_iommuMemory + Iommu.Bytes - 4096, 4096).Clear();
        Iommu.Add((ulong)_processor.Iommu!.Registers, segment: 0);
        Iommu.TurnOn();
        Check.That(Iommu.IsOn, "an IOMMU that can do all is not used");
        _processor.Iommu.Remember(_processor.Functions.Keys);
    }

    private static void CheckMemory()
    {
        Check.That(Node.FunctionCount is >= 0 and <= Functions, "there are more functions than the node has");
        for (int i = 0; i < Functions * PciFunction.BaseAddresses; i++)
        {
            MemoryExtent memory = Node.DeviceMemory[i];
            if (memory.Bytes == 0) continue;
            Check.That((memory.GuestAddress | memory.HostAddress | memory.Bytes) % 4096 == 0, "device memory is not made of whole pages");
            Check.That(memory.GuestAddress >= 0xC000_0000 && memory.GuestAddress + memory.Bytes <= 0xE000_0000, "device memory lies outside of its hole");
            for (int k = 0; k < i; k++)
                Check.That(memory.GuestAddress >= Node.DeviceMemory[k].GuestAddress + Node.DeviceMemory[k].Bytes || Node.DeviceMemory[k].GuestAddress >= memory.GuestAddress + memory.Bytes, "two pieces of device memory lie over each other");
        }
        for (int i = 0; i < Node.FunctionCount; i++)
        {
            PciFunction* function = Node.Functions + i;
            if (function->TableBytes == 0) continue;
            Check.That(Holds(i, function->TableHost, function->TableBytes), "the pages of an MSI-X table lie outside of its function's memory");
            Check.That(function->TableStart + function->TableEntries * 16 <= function->TableBytes && function->TableEntries <= Iommu.Interrupts, "an MSI-X table is larger than its pages");
        }
    }

    private static bool Holds(int function, ulong host, ulong bytes)
    {
        for (int i = 0; i < PciFunction.BaseAddresses; i++)
        {
            MemoryExtent memory = Node.DeviceMemory[function * PciFunction.BaseAddresses + i];
            if (host - memory.HostAddress < memory.Bytes && memory.Bytes - (host - memory.HostAddress) >= bytes) return true;
        }
        return false;
    }

    private void Access(ref Input from)
    {
        byte what = from.Byte();
        int bytes = (what >> 1 & 3) switch { 0 => 1, 1 => 2, _ => 4 }, partition = what >> 7;
        ushort port = (what & 8) != 0 ? (ushort)(0xCF8 + (what >> 5)) : (ushort)(0xCFC + (what >> 4 & 3));
        if ((what & 0x4F) == 0x4F) Table(partition, ref from);
        else if ((what & 1) != 0) GuestPci.Read(partition, port, bytes);
        else if ((what & 8) != 0) GuestPci.Write(partition, 0xCF8, 4, 0x8000_1000u + (uint)from.Word());
        else GuestPci.Write(partition, port, bytes, from.Dword());
        foreach ((ushort function, int offset, int width, uint written) in _processor.ConfigWrites)
            DeviceInvariants.CheckWrite(function, offset, width, written, partition, mayReset: false);
        _processor.ConfigWrites.Clear();
        if (Iommu.IsOn) DeviceInvariants.Check(_processor.Iommu!);
    }

    /// <summary>An access to the pages of an MSI-X table, as after a nested page fault.</summary>
    private void Table(int partition, ref Input from)
    {
        byte what = from.Byte();
        if (Node.FunctionCount == 0) return;
        ulong guest = Node.Functions[what % Node.FunctionCount].TableGuest + (from.Word() & ~3u);
        int index = GuestPci.FindTable(partition, guest);
        if (index < 0) return;
        Check.That(Node.Functions[index].Partition == partition, "a partition reaches another one's MSI-X table");
        _stores.Clear();
        if ((what & 0x80) != 0) GuestPci.ReadTable(index, guest);
        else GuestPci.WriteTable(index, guest, from.Dword());
        PciFunction* function = Node.Functions + index;
        foreach ((ulong address, uint value) in _stores)
        {
            ulong at = address - function->TableHost;
            Check.That(at < function->TableBytes, "a store meant for an MSI-X table goes elsewhere");
            ulong entry = at - function->TableStart;
            if (entry >= function->TableEntries * 16) continue;
            uint own = (uint)(entry % 16) switch { 0 => 0xFEE0_0000, 4 => 0, 8 => (uint)(entry / 16), _ => value & 1 };
            Check.That(value == own, "an MSI-X table gets a message of its owner's choice");
        }
    }

    private void Reset()
    {
        for (int i = 0; i < Owners; i++)
        {
            RingZero.DetachFunctions(i);
            Node.Partitions[i].State = PartitionState.Scrubbing;
            if (Iommu.IsOn) DeviceInvariants.Check(_processor.Iommu!);
            _processor.ConfigWrites.Clear();
            FunctionReset.ResetAll(i);
            foreach ((ushort function, int offset, int bytes, uint value) in _processor.ConfigWrites)
                DeviceInvariants.CheckWrite(function, offset, bytes, value, i, mayReset: true);
        }
        for (int i = 0; i < Node.FunctionCount; i++) Check.That((_processor.Functions[Node.Functions[i].Address][4] & 4) == 0, "a function that has lost its owner still writes to memory");
    }

    public override IEnumerable<byte[]> Seeds() =>
    [
        [1, 0, 0, 0, 8, 0, 0, 4, 255, 255, 255, 255, 5, 8, 16, 0, 4, 255, 255, 255, 255, 5, 8, 0x50, 0, 4, 1, 0, 0, 0],
        [1, 4, 0x10, 4, 0x14, 0, 0x34, 0x70, 0x71, 0x70, 1, 0, 8, 4, 0, 2, 7, 0, 0, 0],
        // A message of an MSI-X table for the other partition's core, word by word.
        [1, 0, 0, 0, 0x4F, 0, 0, 0, 0, 0x10, 0xE0, 0xFE, 0x4F, 0, 8, 0, 0x31, 0, 0, 0, 0x4F, 0, 12, 0, 0, 0, 0, 0],
        // One for the own core, and another by MSI.
        [1, 0, 0, 0, 0x4F, 0, 0, 0, 0, 0, 0xE0, 0xFE, 0x4F, 0, 8, 0, 0x31, 0, 0, 0, 0x4F, 0, 12, 0, 0, 0, 0, 0, 8, 0x54, 0, 4, 0, 0, 0xE0, 0xFE, 8, 0x5C, 0, 2, 0x41, 0, 0, 0, 8, 0x50, 0, 0x22, 1, 0, 0, 0],
    ];
}
