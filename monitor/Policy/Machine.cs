using System;
using Osv.Contracts.ControlDevice;

namespace Osv.Monitor.Policy;

/// <summary>What other cores ask of a core. The core itself acts on it at its next kick.</summary>
public static class Request
{
    public const uint None = 0;
    /// <summary>Leave the guest for good; overrides everything else.</summary>
    public const uint Stop = 1;
    /// <summary>Enter the guest at the partition's entry state.</summary>
    public const uint Enter = 2;
    public const uint Init = 4;
    public const uint Sipi = 8;
    public const uint Nmi = 16;
    public const uint Probe = 32;
}

/// <summary>One processor core (a hardware thread) of the node.</summary>
public struct Core
{
    public uint ApicId;
    /// <summary>SMT siblings share this number and never get different owners.</summary>
    public uint PhysicalCore;
    /// <summary>Owner, or <see cref="Machine.Nobody"/>.</summary>
    public ushort Partition;
    public byte SipiVector;
    /// <summary>The core has run guest code since its registers were last scrubbed.</summary>
    public bool Dirty;
    public CoreMode Mode;
    public uint Requests;
    /// <summary>The last probe found the core halted with interrupts off.</summary>
    public bool Halted;
    public Stuck Stuck;
}

/// <summary>One partition. Its extents lie in <see cref="Machine.Extents"/>.</summary>
public struct Partition
{
    public PartitionState State;
    public StopCause Cause;
    public ushort BootCore;
    public ushort CoreCount;
    /// <summary>Cores that have not come back yet while stopping.</summary>
    public ushort CoresOut;
    public ushort ExtentCount;
    /// <summary>Memory may hold what its last run left there.</summary>
    public bool Dirty;
    /// <summary>The guest has used its panic port since it was started.</summary>
    public bool Panicked;
    /// <summary>The IOMMU has refused an access of one of its functions since it was started.</summary>
    public bool Refused;
    /// <summary>The address register of its PCI configuration space, CF8h.</summary>
    public uint ConfigAddress;
    public EntryState Entry;
}

/// <summary>
/// Everything the monitor decides upon. The tables belong to the caller, so the same code runs over 512 cores
/// in ring 0 and over 4 in the state explorer. The monitor lock is held around every call that takes this.
/// </summary>
public readonly ref struct Machine(Span<Core> cores, Span<Partition> partitions, Span<MemoryExtent> extents, ReadOnlySpan<MemoryEntry> memory, Span<PciFunction> functions, Span<ushort> window)
{
    public const ushort Nobody = 0xFFFF;
    public const int Management = 0;

    public readonly Span<Core> Cores = cores;
    public readonly Span<Partition> Partitions = partitions;
    /// <summary><see cref="ControlLayout.MaxExtents"/> slots per partition.</summary>
    public readonly Span<MemoryExtent> Extents = extents;
    /// <summary>Memory that may be handed out.</summary>
    public readonly ReadOnlySpan<MemoryEntry> Memory = memory;
    public readonly Span<PciFunction> Functions = functions;
    /// <summary>One entry: the partition whose memory the load window shows, or <see cref="Nobody"/>.</summary>
    public readonly Span<ushort> Window = window;

    public ref MemoryExtent Extent(int partition, int index) => ref Extents[partition * ControlLayout.MaxExtents + index];

    /// <summary>Index of the PCI function with this address, or -1.</summary>
    public int FindFunction(ushort address)
    {
        for (int i = 0; i < Functions.Length; i++)
            if (Functions[i].Address == address) return i;
        return -1;
    }

    /// <summary>Index of the core with this APIC id, or -1.</summary>
    public int FindCore(uint apicId)
    {
        for (int i = 0; i < Cores.Length; i++)
            if (Cores[i].ApicId == apicId) return i;
        return -1;
    }
}
