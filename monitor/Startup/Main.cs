using System;
using System.Runtime;
using Osv.Contracts.BootInterface;
using Osv.Contracts.ControlDevice;
using Osv.Monitor.Exits;
using Osv.Monitor.Hardware;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Startup;

/// <summary>From the loader to the first entry of partition 0.</summary>
public static unsafe class Main
{
    /// <summary>
    /// Pages of nested tables over device memory: one for each 2 MiB of its half gibibyte, one more where two partitions share these; and
    /// of the monitor's own over MSI-X tables.
    /// </summary>
    private const ulong DeviceTables = 256 + 2 * ControlLayout.MaxFunctions + 2 * ControlLayout.MaxPartitions;
    private static ulong s_next;

    /// <summary>One clear sentence, then a halt: this node cannot be used.</summary>
    public static void Stop(ReadOnlySpan<byte> sentence)
    {
        Log.Text("osv-monitor: "u8);
        Log.Text(sentence);
        Log.Line();
        Cpu.Halt();
    }

    [RuntimeExport("monitor_main")]
    public static void Start(byte* bootParams)
    {
        ulong startTsc = Cpu.TimeStamp();
        Log.Initialize();
        // For faults on the way to the table that Allocate makes, which SetUp takes; until then this stack is not left.
        ulong* faults = stackalloc ulong[2 * 32];
        Processors.BuildIdt(faults, 32);
        Processors.UseIdt(drain: false);
        var boot = new BootParameters(bootParams);
        uint* registers = stackalloc uint[4];
        Processors.SilenceLegacyInterrupts();
        Processors.Require(registers);

        uint* apicIds = stackalloc uint[ControlLayout.MaxCores];
        if (!Firmware.Read(boot, apicIds)) Stop("the firmware has no usable ACPI tables (RSDP, MADT)"u8);
        if (Firmware.TimerPort == 0) Stop("the firmware names no power-management timer in its FADT"u8);
        if (!Payload.Open(boot.RamdiskAddress, boot.RamdiskBytes)) Stop("the payload (initrd) is missing, cut short or damaged: load the node image as built"u8);

        MemoryEntry* memory = stackalloc MemoryEntry[ControlLayout.MaxMemoryEntries];
        int ranges = MemoryMap.Collect(boot, memory);
        Allocate(memory, ranges, apicIds, registers);
        SharedTables.TscKilohertz = Clock.MeasureTsc();
        if (SharedTables.TscKilohertz == 0) Stop("the firmware's power-management timer stands still"u8);
        Node.Header->StartTsc = startTsc;

        ProtectMonitor();

        IommuTable.Start(Node.Cores[0].ApicId);
        Functions.Discover(boot);

        uint own = LocalApic.OwnId;
        if (own >= Node.ApicIdLimit || Node.CoreByApicId[own] == Machine.Nobody) Stop("the firmware does not name the processor that it boots in its MADT"u8);
        CoreBlock* self = Node.Blocks[Node.CoreByApicId[own]];
        Processors.SetUp(self);
        self->Online = 1;
        Processors.StartOthers();
        Management.Create(boot);
        SharedTables.Write();
        Greet();
        Processors.Run(self);
    }

    /// <summary>All memory the monitor will ever use, cut from the top of RAM below 4 GiB in one piece.</summary>
    private static void Allocate(MemoryEntry* memory, int ranges, uint* apicIds, uint* registers)
    {
        ulong gibibytes = 0;
        for (int i = 0; i < ranges; i++) gibibytes += (memory[i].Bytes >> 30) + 2;
        ulong tablePages = 2 * ControlLayout.MaxPartitions + 520 + 2 * gibibytes + DeviceTables;
        ulong blockBytes = (ulong)Firmware.CoreCount * CoreBlock.Bytes;
        tablePages += HostPageTable.PagesFor(Symbols.ImageEnd - Symbols.ImageStart) + HostPageTable.PagesFor(blockBytes);
        ulong bytes = ControlLayout.SharedBytes + ControlLayout.PageBytes + blockBytes + tablePages * 4096 + (1UL << 20) + (Firmware.Iommus == null ? 0 : Iommu.Bytes);
        ulong start = MemoryMap.CutForMonitor(memory, ranges, bytes);
        if (start == 0) Stop("too little memory below 4 GiB for the monitor itself"u8);
        Cpu.Clear((void*)start, (bytes + ControlLayout.PageBytes - 1) & ~(ControlLayout.PageBytes - 1));
        s_next = start;

        Node.Shared = (byte*)Take(ControlLayout.SharedBytes);
        Node.Sink = (ulong)Take(ControlLayout.PageBytes);
        Node.CoreCount = Firmware.CoreCount;
        Node.Blocks = (CoreBlock**)Take((ulong)(sizeof(CoreBlock*) * Node.CoreCount));
        Node.Cores = (Core*)Take((ulong)(sizeof(Core) * Node.CoreCount));
        Node.CoreByApicId = (ushort*)Take(Node.ApicIdLimit * 2);
        for (int i = 0; i < (int)Node.ApicIdLimit; i++) Node.CoreByApicId[i] = Machine.Nobody;
        for (int i = 0; i < Node.CoreCount; i++)
        {
            Node.Blocks[i] = (CoreBlock*)Take(CoreBlock.Bytes);
            Node.Blocks[i]->Index = i;
            Node.Blocks[i]->ApicId = apicIds[i];
            Node.Blocks[i]->Shared = Node.SharedCore(i);
            Node.Cores[i].ApicId = apicIds[i];
            Node.Cores[i].Partition = Machine.Nobody;
            Node.CoreByApicId[apicIds[i]] = (ushort)i;
        }
        Node.Partitions = (Partition*)Take((ulong)(sizeof(Partition) * ControlLayout.MaxPartitions));
        Node.Extents = (MemoryExtent*)Take((ulong)(sizeof(MemoryExtent) * ControlLayout.MaxPartitions * ControlLayout.MaxExtents));
        Node.NestedRoots = (ulong**)Take(8 * ControlLayout.MaxPartitions);
        Node.Generations = (uint*)Take(4 * ControlLayout.MaxPartitions);
        Node.Devices = (GuestDevices*)Take((ulong)(sizeof(GuestDevices) * ControlLayout.MaxPartitions));
        for (int i = 0; i < ControlLayout.MaxPartitions; i++) GuestDevices.Reset(i);
        Node.Window = (ushort*)Take(2);
        Node.Window[0] = Machine.Nobody;
        Node.Watch = (Watch*)Take((ulong)sizeof(Watch));
        Node.Lock = (TicketLock*)Take(8);
        Node.Memory = (MemoryEntry*)Take((ulong)(sizeof(MemoryEntry) * ranges));
        Node.MemoryCount = ranges;
        for (int i = 0; i < ranges; i++) Node.Memory[i] = memory[i];
        Doorbell.Request = (ControlRequest*)Take((ulong)sizeof(ControlRequest));

        Node.ManagementIoPermissions = (ulong)Take(0x3000);
        Node.TenantIoPermissions = (ulong)Take(0x3000);
        Node.MsrPermissions = (ulong)Take(0x2000);
        PortPolicy.FillPermissionMap(new Span<byte>((void*)Node.ManagementIoPermissions, 0x3000), Firmware.TimerPort, management: true);
        PortPolicy.FillPermissionMap(new Span<byte>((void*)Node.TenantIoPermissions, 0x3000), Firmware.TimerPort, management: false);
        MsrPolicy.FillPermissionMap(new Span<byte>((void*)Node.MsrPermissions, 0x2000));
        Processors.BuildIdt((ulong*)Take(8192), 512);

        Cpu.Cpuid(0xD, 0, registers);
        Node.ExtendedFeatures = (registers[0] | ((ulong)registers[3] << 32)) & 0x2E7;
        Node.InitialState = Take(registers[2] + 4096u);
        *(uint*)((byte*)Node.InitialState + 24) = 0x1F80;       // MXCSR
        Cpu.Cpuid(0x8000_000A, 0, registers);
        Node.AsidLimit = registers[1];
        Cpu.Cpuid(0x8000_0001, 0, registers);
        Node.HasTscAux = (registers[3] & (1u << 27)) != 0;
        Cpu.Cpuid(0x8000_0008, 0, registers);
        Node.HasPredictionBarrier = (registers[1] & (1u << 12)) != 0;
        Node.HasSpeculationControl = (registers[1] & ((1u << 14) | (1u << 15) | (1u << 24))) != 0;
        CacheWays.Discover(registers);
        Node.Functions = (PciFunction*)Take((ulong)sizeof(PciFunction) * ControlLayout.MaxFunctions);
        Node.DeviceMemory = (MemoryExtent*)Take((ulong)sizeof(MemoryExtent) * ControlLayout.MaxFunctions * PciFunction.BaseAddresses);
        Node.Messages = (byte*)Take(4096 * ControlLayout.MaxFunctions);
        if (Firmware.Iommus != null) Iommu.UseMemory((byte*)Take(Iommu.Bytes));
        PagePool.Add(s_next, tablePages * 4096);
    }

    /// <summary>Code can only be run, constants only read; a null pointer and a stack that grows too far hit nothing.</summary>
    private static void ProtectMonitor()
    {
        HostPageTable.ForbidExecution();
        HostPageTable.Set(0, 4096, HostPageTable.Nothing);
        HostPageTable.Set(Symbols.ImageStart, Symbols.TextEnd, HostPageTable.ReadExecute);
        HostPageTable.Set(Symbols.TextEnd, Symbols.BssStart, HostPageTable.ReadOnly);
        HostPageTable.Set(Symbols.BootStackGuard, Symbols.BootStackGuard + 4096, HostPageTable.Nothing);
        for (int i = 0; i < Node.CoreCount; i++)
        {
            ulong guard = (ulong)Node.Blocks[i] + CoreBlock.GuardPage;
            HostPageTable.Set(guard, guard + 4096, HostPageTable.Nothing);
        }
        HostPageTable.Flush();
    }

    /// <summary>The next pages of the monitor's piece, page aligned and clear.</summary>
    private static void* Take(ulong bytes)
    {
        ulong at = s_next;
        s_next = (s_next + bytes + 4095) & ~4095UL;
        return (void*)at;
    }

    private static void Greet()
    {
        ulong bytes = 0;
        for (int i = 0; i < Node.MemoryCount; i++) bytes += Node.Memory[i].Bytes;
        Log.Number("osv-monitor: "u8, (ulong)Node.CoreCount);
        Log.Number(" cores, "u8, bytes >> 20);
        Log.Number(" MiB for partitions, TSC "u8, SharedTables.TscKilohertz);
        Log.Text(CacheWays.Ways != 0 ? " kHz, caches dealt out by ways; starting partition 0\r\n"u8 : " kHz; starting partition 0\r\n"u8);
    }
}
