using Osv.Contracts.ControlDevice;
using Osv.Fuzz.Engine;
using Osv.Monitor.Exits;
using Osv.Monitor.Hardware;
using Osv.Monitor.Policy;
using Osv.Monitor.Startup;

namespace Osv.Fuzz.Targets.Ring0;

/// <summary>
/// A node on which the monitor has booted, by its own start-up code, and one partition beside partition 0 runs and another one.
/// Six cores in pairs of siblings: 0 and 1 are partition 0's, 2 and 3 tenant 1's, 4 and 5 tenant 2's, whose memory nobody may touch.
/// </summary>
internal sealed unsafe class SimulatedNode
{
    public const int Cores = 6, Management = 0, Tenant = 1, Neighbour = 2;
    /// <summary>Guest addresses of the tenant that inputs fill: page tables and code.</summary>
    public const ulong PageTables = 0xA000, Code = 0x2_0000;
    private const int FreePages = 24, KeptEvents = 128;

    private readonly List<(nint Address, int Bytes, int Offset)> _ranges = [];
    private readonly Dictionary<ushort, byte[]> _spaces = [];
    private byte[] _kept = [];
    private Statics _statics = null!;

    public SimulatedProcessor Processor { get; } = new() { PhysicalShift = 1 };

    /// <summary>Host address of the tenant's memory, and of the neighbour's.</summary>
    public ulong TenantMemory { get; private set; }
    public ulong NeighbourMemory { get; private set; }

    /// <summary>Everything up to where partition 0 has been entered.</summary>
    public void Boot()
    {
        Cpu.Processor = Processor;
        Processor.Symbols = (byte*)System.Runtime.InteropServices.NativeMemory.AlignedAlloc(SimulatedProcessor.SymbolBytes, 4096);
        PrepareSymbols();
        Processor.Started = StartCore;
        Processor.Others = LeaveGuests;
        Processor.Iommu ??= new SimulatedIommu((byte*)PhysicalMemory.Iommu);
        Processor.Iommu.Reset();
        try
        {
            Main.Start((byte*)FirmwareImage.ZeroPage);
        }
        catch (ProcessorParked)
        {
            // The core that booted is not partition 0's first one.
            SettleAll();
        }
    }

    /// <summary>The tables that boot code leaves: memory in pieces of 1 GiB.</summary>
    public void PrepareSymbols()
    {
        new Span<byte>(Processor.Symbols, SimulatedProcessor.SymbolBytes).Clear();
        for (int i = 0; i < 2048; i++) ((ulong*)(Processor.Symbols + 0x1000))[i] = ((ulong)i << 30) | 0x83;
        for (int i = 0; i < 4; i++) ((ulong*)(Processor.Symbols + 0x6000))[i] = (ulong)(Processor.Symbols + 0x1000 + i * 0x1000) | 3;
    }

    private void StartCore(uint apicId)
    {
        uint sender = Processor.OwnId;
        Processor.OwnId = apicId;
        CoreBlock* core = Node.Blocks[Node.CoreByApicId[apicId]];
        Processors.SetUp(core);
        core->Online = 1;
        Processor.OwnId = sender;
    }

    /// <summary>A core that is kicked leaves its guest and waits for the lock.</summary>
    private bool LeaveGuests()
    {
        bool any = false;
        for (int i = 0; i < Node.CoreCount; i++)
        {
            CoreBlock* core = Node.Blocks[i];
            if (core->ApicId == Processor.OwnId || core->Kicked == 0 || core->InGuest == 0) continue;
            core->InGuest = 0;
            any = true;
        }
        return any;
    }

    /// <summary>Partition 0 makes the tenants and starts them, with its own operations.</summary>
    public void MakeTenants()
    {
        ulong free = Node.Extents[1].HostAddress + Node.Extents[1].Bytes + 2 * ControlLayout.PageBytes & ~(ControlLayout.PageBytes - 1);
        TenantMemory = free;
        NeighbourMemory = free + 2 * ControlLayout.PageBytes;
        MakeTenant(Tenant, 2, TenantMemory, PciFunctions.TenantsDisk);
        MakeTenant(Neighbour, 4, NeighbourMemory, PciFunctions.NeighboursDisk);
    }

    private void MakeTenant(uint partition, uint core, ulong memory, ushort function)
    {
        var request = (ControlRequest*)(Node.Shared + ControlLayout.RequestOffset);
        *request = default;
        request->Partition = partition;
        request->CoreCount = 2;
        request->Cores[0] = core;
        request->Cores[1] = core + 1;
        request->ExtentCount = 1;
        request->Extents[1] = memory;
        request->Extents[2] = 2 * ControlLayout.PageBytes;
        request->FunctionCount = 1;
        request->Functions[0] = function;
        Ask(ControlOperation.Create);
        request->Entry = new EntryState { Rip = Code, Rsi = 0x7000, Cr3 = PageTables, GdtBase = 0x6000, GdtLimit = 31, CodeSelector = 0x10, DataSelector = 0x18 };
        Ask(ControlOperation.Start);
        // The other core, as Linux starts it.
        Processor.OwnId = core;
        MsrExit.WriteIcr(Node.Blocks[core], ((ulong)(core + 1) << 32) | 0x600 | (byte)(Code >> 12));
        Settle((int)core + 1);
    }

    private void Ask(ControlOperation operation)
    {
        Processor.OwnId = 0;
        Doorbell.Ring((uint)operation);
        var reply = (ControlReply*)(Node.Shared + ControlLayout.ReplyOffset);
        if (reply->Status != 0) throw new InvalidOperationException($"{operation}: {(ControlStatus)reply->Status}");
        SettleAll();
    }

    public void SettleAll()
    {
        for (int round = 0; round < 2; round++)
            for (int i = 0; i < Node.CoreCount; i++) Settle(i);
    }

    /// <summary>The core looks at its requests, if it was kicked.</summary>
    public void Settle(int index)
    {
        CoreBlock* core = Node.Blocks[index];
        if (core->Kicked == 0) return;
        core->InGuest = 0;
        Processor.OwnId = core->ApicId;
        try
        {
            CoreLoop.Settle(core);
        }
        catch (ProcessorParked)
        {
        }
    }

    /// <summary>The state to come back to: all that an exit can change, and few free table pages, so that they can run out.</summary>
    public void Keep()
    {
        var pages = new List<nint>();
        while (PagePool.Take() is var page && page != null) pages.Add((nint)page);
        foreach (nint page in pages.Take(FreePages)) PagePool.Return((ulong*)page);
        foreach (nint page in pages.Take(FreePages)) Add((void*)page, 4096);
        for (int p = 0; p <= Neighbour; p++) AddTables(Node.NestedRoots[p]);
        for (int i = 0; i < Cores; i++) Add(Node.Blocks[i], 0x2000);
        Add(Node.Lock, 8);
        Add(Node.Cores, sizeof(Core) * Cores);
        Add(Node.Partitions, sizeof(Partition) * ControlLayout.MaxPartitions);
        Add(Node.Extents, sizeof(MemoryExtent) * ControlLayout.MaxPartitions * ControlLayout.MaxExtents);
        Add(Node.NestedRoots, 8 * ControlLayout.MaxPartitions);
        Add(Node.Generations, 4 * ControlLayout.MaxPartitions);
        Add(Node.Devices, sizeof(GuestDevices) * ControlLayout.MaxPartitions);
        Add(Node.Window, 2);
        Add(Node.Watch, sizeof(Watch));
        Add(Doorbell.Request, sizeof(ControlRequest));
        Add(Node.Shared, (int)ControlLayout.HeaderOffset);
        foreach ((uint offset, int bytes) in Shown) Add(Node.Shared + offset, bytes);
        for (int p = 0; p <= Neighbour; p++) Add(Node.Shared + ControlLayout.ConsoleOffset + p * ControlLayout.ConsoleBytes, sizeof(ConsoleHeader));
        Add((void*)TenantMemory, 0x1000);
        AddDevices();
        _kept = new byte[_ranges.Sum(range => range.Bytes)];
        foreach ((nint address, int bytes, int offset) in _ranges) new ReadOnlySpan<byte>((void*)address, bytes).CopyTo(_kept.AsSpan(offset));
        foreach ((ushort function, byte[] space) in Processor.Functions) _spaces[function] = [.. space];
        _statics = new Statics(typeof(Node).Assembly);
        Processor.MayClear = MayClear;
        Processor.KeepWrites = true;
        Processor.Forget();
    }

    /// <summary>What the monitor shows to partition 0 in memory that partition 0 can write, as far as this node uses it.</summary>
    public static readonly (uint Offset, int Bytes)[] Shown =
    [
        (ControlLayout.HeaderOffset, 0x1000),
        (ControlLayout.PartitionTableOffset, ControlLayout.MaxPartitions * ControlLayout.PartitionEntryBytes),
        (ControlLayout.ExtentTableOffset, 4 * ControlLayout.MaxExtents * sizeof(MemoryExtent)),
        (ControlLayout.CoreTableOffset, Cores * ControlLayout.CoreEntryBytes),
        (ControlLayout.EventRingOffset, KeptEvents * ControlLayout.EventBytes),
    ];

    private void Add(void* address, int bytes) => _ranges.Add(((nint)address, bytes, _ranges.Count == 0 ? 0 : _ranges[^1].Offset + _ranges[^1].Bytes));

    /// <summary>A table and all those below it: an entry that is present and no leaf names another.</summary>
    private void AddTables(ulong* table, int level = 4)
    {
        const ulong Address = 0x000F_FFFF_FFFF_F000, Large = 0x80, Present = 1;
        Add(table, 4096);
        for (int i = 0; i < 512 && level > 1; i++)
            if ((table[i] & (Present | Large)) == Present) AddTables((ulong*)(table[i] & Address), level - 1);
    }

    /// <summary>The functions, their entries of the device table, interrupt tables, the IOMMU's registers and where in its rings it is.</summary>
    private void AddDevices()
    {
        Add(Node.Functions, sizeof(PciFunction) * Node.FunctionCount);
        Add(Node.Messages, 4096 * Node.FunctionCount);
        Add((void*)PhysicalMemory.Iommu, 0x40);
        Add((void*)(PhysicalMemory.Iommu + 0x2000), 0x40);
        for (ulong at = 0; at < PhysicalMemory.DeviceBytes; at += 0x1_0000) Add((void*)(PhysicalMemory.Devices + at), 0x40);
        ulong* table = Processor.Iommu!.DeviceTable;
        for (int i = 0; i < Node.FunctionCount; i++)
        {
            Add(table + Node.Functions[i].Address * 4, 32);
            Add((void*)(table[Node.Functions[i].Address * 4 + 2] & 0x000F_FFFF_FFFF_FFC0), 4096);
        }
        // Rings and units lie behind device table, interrupt tables and the page of completions.
        Add((byte*)table + (2 << 20) + (ControlLayout.MaxFunctions + 1) * 4096, 8192);
        Add((byte*)table + (2 << 20) + (ControlLayout.MaxFunctions + 1 + 2 * Iommu.MaxUnits) * 4096, sizeof(IommuUnit));
    }

    public void Restore()
    {
        foreach ((nint address, int bytes, int offset) in _ranges) _kept.AsSpan(offset, bytes).CopyTo(new Span<byte>((void*)address, bytes));
        _statics.Restore();
        Processor.Forget();
        foreach ((ushort function, byte[] space) in _spaces) space.CopyTo(Processor.Functions[function], 0);
        Processor.Iommu!.Remember(_spaces.Keys);
    }

    /// <summary>A partition's memory is cleared in earnest elsewhere; here it is only allowed when it is that partition's turn.</summary>
    private static bool MayClear(ulong address, ulong bytes)
    {
        if (bytes < ControlLayout.PageBytes) return true;
        for (int p = 0; p < ControlLayout.MaxPartitions; p++)
        {
            if (Node.Partitions[p].State != PartitionState.Scrubbing) continue;
            for (int i = 0; i < Node.Partitions[p].ExtentCount; i++)
            {
                MemoryExtent extent = Node.Extents[p * ControlLayout.MaxExtents + i];
                if (extent.HostAddress == address && extent.Bytes == bytes) return false;
            }
        }
        throw new FindingException("memory is cleared that is not that of a partition being cleared");
    }
}
