namespace Osv.Contracts.ControlDevice;

/// <summary>
/// Where things lie in the control device, the virtual PCI function through which partition 0 drives the monitor.
/// The same file is compiled into the monitor and into the agent. All sizes and offsets are bytes.
/// </summary>
public static class ControlLayout
{
    /// <summary>PCI vendor and device of the function; visible to partition 0 only, so no registry assigned them.</summary>
    public const ushort VendorId = 0x4F53;
    public const ushort DeviceId = 0x5601;
    /// <summary>Changes whenever a structure here changes.</summary>
    public const uint AbiVersion = 4;
    /// <summary>What the header page starts with: "OSVMCTL1", little endian.</summary>
    public const ulong Magic = 0x314C_5443_4D56_534F;

    /// <summary>BAR 0: one 32-bit I/O port. Writing an <see cref="ControlOperation"/> executes it; reading gives <see cref="AbiVersion"/>.</summary>
    public const int DoorbellBytes = 4;

    /// <summary>BAR 2 (64-bit): command, tables, event ring and console rings. Plain memory, never an exit.</summary>
    public const uint SharedBytes = 4 << 20;
    public const uint RequestOffset = 0x0000;
    public const uint ReplyOffset = 0x1000;
    public const uint HeaderOffset = 0x2000;
    public const uint FunctionTableOffset = 0x3000;
    public const uint PartitionTableOffset = 0x1_0000;
    public const uint MemoryTableOffset = 0x1_8000;
    /// <summary><see cref="MaxExtents"/> slots of <see cref="MemoryExtent"/> for each partition.</summary>
    public const uint ExtentTableOffset = 0x1_9000;
    public const uint CoreTableOffset = 0x2_0000;
    public const uint EventRingOffset = 0x8_0000;
    /// <summary>Memory that the monitor never looks at: what partition 0 keeps here outlives its own restart, not the node's.</summary>
    public const uint NotesOffset = 0x10_0000;
    public const uint NotesBytes = 0x10_0000;
    public const uint ConsoleOffset = 0x20_0000;

    public const int PartitionEntryBytes = 256;
    public const int CoreEntryBytes = 256;
    public const int EventBytes = 64;
    public const int EventRingEntries = 1024;

    /// <summary>One console block per partition: header, input ring, output ring. Ring sizes are powers of two.</summary>
    public const uint ConsoleBytes = 0x8000;
    public const uint ConsoleInputOffset = 0x1000;
    public const uint ConsoleInputBytes = 0x1000;
    public const uint ConsoleOutputOffset = 0x4000;
    public const uint ConsoleOutputBytes = 0x4000;

    /// <summary>BAR 4 (64-bit): the load window, one gibibyte of a stopped partition's memory.</summary>
    public const ulong WindowBytes = 1UL << 30;

    public const int MaxPartitions = 64;
    public const int MaxCores = 512;
    public const int MaxExtents = 16;
    public const int MaxMemoryEntries = 128;
    /// <summary>PCI functions of a node that can have an owner, and of one partition.</summary>
    public const int MaxFunctions = 64;
    public const int MaxOwnFunctions = 16;

    /// <summary>Memory is handed out in this unit.</summary>
    public const ulong PageBytes = 2UL << 20;
}
