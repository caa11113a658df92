using System;
using Osv.Contracts.ControlDevice;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Hardware;

/// <summary>The one machine the monitor runs on: its tables, set up once at start, guarded by one lock.</summary>
public static unsafe class Node
{
    /// <summary>APIC ids the fast path of the IPI filter can look up; a power of two.</summary>
    public const uint ApicIdLimit = 4096;

    public static TicketLock* Lock;
    public static int CoreCount;
    public static Core* Cores;
    public static CoreBlock** Blocks;
    /// <summary>Core index by APIC id; <see cref="Machine.Nobody"/> where there is none.</summary>
    public static ushort* CoreByApicId;
    public static Partition* Partitions;
    public static MemoryExtent* Extents;
    public static int MemoryCount;
    public static MemoryEntry* Memory;
    public static ushort* Window;
    public static int FunctionCount;
    public static PciFunction* Functions;
    /// <summary><see cref="PciFunction.BaseAddresses"/> slots for each function: memory that its owner sees.</summary>
    public static MemoryExtent* DeviceMemory;
    /// <summary>The MSI-X table of each function as its owner wrote it, a page.</summary>
    public static byte* Messages;
    public static Watch* Watch;
    /// <summary>Root of each partition's nested tables, and the generation its cores must have flushed to.</summary>
    public static ulong** NestedRoots;
    public static uint* Generations;
    public static byte* Shared;
    /// <summary>What a closed load window shows.</summary>
    public static ulong Sink;
    /// <summary>Address-space identifiers of the processor: 0, the host's, among them.</summary>
    public static uint AsidLimit;
    public static ulong ManagementIoPermissions;
    public static ulong TenantIoPermissions;
    public static ulong MsrPermissions;
    public static GuestDevices* Devices;
    /// <summary>An XSAVE image of the initial state, and the features the processor has.</summary>
    public static void* InitialState;
    public static ulong ExtendedFeatures;
    /// <summary>Which of the registers that are open to guests this processor has: they are scrubbed.</summary>
    public static bool HasTscAux, HasSpeculationControl, HasPredictionBarrier;

    public static Machine Machine => new(
        new Span<Core>(Cores, CoreCount),
        new Span<Partition>(Partitions, ControlLayout.MaxPartitions),
        new Span<MemoryExtent>(Extents, ControlLayout.MaxPartitions * ControlLayout.MaxExtents),
        new ReadOnlySpan<MemoryEntry>(Memory, MemoryCount),
        new Span<PciFunction>(Functions, FunctionCount),
        new Span<ushort>(Window, 1));

    public static uint* MessagesOf(int function) => (uint*)(Messages + function * 4096);
    public static ControlHeader* Header => (ControlHeader*)(Shared + ControlLayout.HeaderOffset);
    public static CoreEntry* SharedCore(int index) => (CoreEntry*)(Shared + ControlLayout.CoreTableOffset) + index;
    public static FunctionEntry* SharedFunction(int index) => (FunctionEntry*)(Shared + ControlLayout.FunctionTableOffset) + index;
    public static PartitionEntry* SharedPartition(int index) => (PartitionEntry*)(Shared + ControlLayout.PartitionTableOffset) + index;
}
