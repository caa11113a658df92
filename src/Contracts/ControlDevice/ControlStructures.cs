using System.Runtime.InteropServices;

namespace Osv.Contracts.ControlDevice;

/// <summary>One stretch of a partition's memory. All three values are multiples of <see cref="ControlLayout.PageBytes"/>.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct MemoryExtent
{
    public ulong GuestAddress;
    public ulong HostAddress;
    public ulong Bytes;
}

/// <summary>Entry state of the boot core: 64-bit mode, interrupts off, page tables and GDT already in guest memory.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct EntryState
{
    public ulong Rip;
    public ulong Rsi;
    public ulong Cr3;
    public ulong GdtBase;
    public uint GdtLimit;
    public ushort CodeSelector;
    public ushort DataSelector;
}

/// <summary>The request page. Which fields count depends on the operation.</summary>
[StructLayout(LayoutKind.Explicit, Size = 0x1000)]
public unsafe struct ControlRequest
{
    [FieldOffset(0x00)] public uint Partition;
    /// <summary>Load: 1 opens the window, 0 closes it. Stop of partition 0: 1 resets the node, 2 powers it off.</summary>
    [FieldOffset(0x04)] public uint Argument;
    /// <summary>Load: guest address at which the window starts, a multiple of <see cref="ControlLayout.WindowBytes"/>.</summary>
    [FieldOffset(0x08)] public ulong WindowAddress;
    [FieldOffset(0x10)] public uint CoreCount;
    [FieldOffset(0x14)] public uint ExtentCount;
    [FieldOffset(0x18)] public EntryState Entry;
    [FieldOffset(0x40)] public uint FunctionCount;
    [FieldOffset(0x80)] public fixed ulong Extents[ControlLayout.MaxExtents * 3];
    /// <summary>APIC ids; the first is the boot core.</summary>
    [FieldOffset(0x200)] public fixed uint Cores[ControlLayout.MaxCores];
    /// <summary>PCI functions for the partition alone, as in <see cref="FunctionEntry.Address"/>.</summary>
    [FieldOffset(0xA00)] public fixed ushort Functions[ControlLayout.MaxOwnFunctions];
}

/// <summary>The reply page.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct ControlReply
{
    public uint Operation;
    public uint Status;
    /// <summary>Which core, extent or function of the request was refused, where one can be named.</summary>
    public uint Index;
    public uint Reserved;
}

/// <summary>The header page: what the monitor is and what the node has.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct ControlHeader
{
    public ulong Magic;
    public uint AbiVersion;
    public uint CoreCount;
    public uint MemoryCount;
    public uint CellCount;
    /// <summary>Time-stamp counter frequency, kHz.</summary>
    public ulong TscKilohertz;
    /// <summary>Number of events ever written; entry n lies at n modulo the ring size.</summary>
    public ulong EventCount;
    /// <summary>Time-stamp counter when the first instruction of C# ran, and when partition 0 was last begun.</summary>
    public ulong StartTsc;
    public ulong ManagementTsc;
    public ulong TrustedBytes;
    public uint ManagementRestarts;
    /// <summary>I/O port of the power-management timer, open to every partition; its width.</summary>
    public ushort TimerPort;
    public ushort TimerIs32Bit;
    /// <summary>
    /// Written by partition 0: a number that changes at least twice a minute. Once it is not 0, the monitor restarts partition
    /// 0 when it stands still (README of the monitor, "The watch over partition 0"). The monitor sets it to 0 at each start.
    /// </summary>
    public uint Beat;
    /// <summary>1: AMD-Vi confines every device. 0: there is none, and no function can be given to a tenant.</summary>
    public uint HasIommu;
    public uint FunctionCount;
}

/// <summary>An entry of the memory table: memory that can be given to partitions.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct MemoryEntry
{
    public ulong HostAddress;
    public ulong Bytes;
    public uint Cell;
    public uint Reserved;
}

/// <summary>An entry of the core table, updated in place while the core runs.</summary>
[StructLayout(LayoutKind.Explicit, Size = ControlLayout.CoreEntryBytes)]
public unsafe struct CoreEntry
{
    [FieldOffset(0x00)] public uint ApicId;
    [FieldOffset(0x04)] public uint Cell;
    /// <summary>Cores with the same value share their last-level cache.</summary>
    [FieldOffset(0x08)] public uint CacheDomain;
    /// <summary>Cores with the same value are SMT siblings and always go together.</summary>
    [FieldOffset(0x0C)] public uint PhysicalCore;
    [FieldOffset(0x10)] public uint Partition;
    [FieldOffset(0x14)] public uint Mode;
    /// <summary>1 once the boot phase of this core has ended.</summary>
    [FieldOffset(0x18)] public uint RunPhase;
    [FieldOffset(0x20)] public ulong ProbeTsc;
    [FieldOffset(0x28)] public ulong ProbeRip;
    [FieldOffset(0x30)] public uint ProbeCpl;
    [FieldOffset(0x34)] public uint ProbeInterruptsOn;
    [FieldOffset(0x38)] public uint ProbeCount;
    [FieldOffset(0x80)] public fixed ulong Exits[16];
}

/// <summary>An entry of the partition table.</summary>
[StructLayout(LayoutKind.Explicit, Size = ControlLayout.PartitionEntryBytes)]
public struct PartitionEntry
{
    [FieldOffset(0x00)] public uint State;
    [FieldOffset(0x04)] public uint CoreCount;
    [FieldOffset(0x08)] public ulong MemoryBytes;
    [FieldOffset(0x14)] public uint LastCause;
    [FieldOffset(0x18)] public uint ExtentCount;
}

/// <summary>An entry of the function table: a PCI function of the node that can have an owner.</summary>
[StructLayout(LayoutKind.Explicit, Size = 32)]
public struct FunctionEntry
{
    /// <summary>Bus, device and function: bits 15:8, 7:3, 2:0.</summary>
    [FieldOffset(0x00)] public ushort Address;
    /// <summary>Owner, or FFFFh.</summary>
    [FieldOffset(0x02)] public ushort Partition;
    /// <summary>Functions with the same value go to one partition.</summary>
    [FieldOffset(0x04)] public ushort Group;
    /// <summary>1: can be given to a tenant; AMD-Vi confines it and it can be reset.</summary>
    [FieldOffset(0x06)] public ushort IsAssignable;
    [FieldOffset(0x08)] public ushort Vendor;
    [FieldOffset(0x0A)] public ushort Device;
    /// <summary>Class, subclass and programming interface: bits 23:16, 15:8, 7:0.</summary>
    [FieldOffset(0x0C)] public uint Class;
}

/// <summary>An entry of the event ring.</summary>
[StructLayout(LayoutKind.Explicit, Size = ControlLayout.EventBytes)]
public struct EventEntry
{
    /// <summary>Number of this event, from 1; written last.</summary>
    [FieldOffset(0x00)] public ulong Sequence;
    [FieldOffset(0x08)] public ulong Tsc;
    [FieldOffset(0x10)] public uint Kind;
    [FieldOffset(0x14)] public uint Cause;
    [FieldOffset(0x18)] public uint Partition;
    [FieldOffset(0x1C)] public uint ApicId;
    [FieldOffset(0x20)] public ulong Rip;
    [FieldOffset(0x28)] public ulong Cr2;
    [FieldOffset(0x30)] public ulong Cr3;
    /// <summary>The guest-physical address of a violation of memory, by a core or a function; else the code of the exit that led to the event (APM vol. 2, appendix C).</summary>
    [FieldOffset(0x38)] public ulong Detail;
}

/// <summary>Header of a console block. The producer owns a head, the consumer a tail; both only grow.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct ConsoleHeader
{
    public uint OutputHead;
    public uint OutputTail;
    /// <summary>Bytes dropped because the output ring was full.</summary>
    public uint OutputLost;
    public uint InputHead;
    public uint InputTail;
}
