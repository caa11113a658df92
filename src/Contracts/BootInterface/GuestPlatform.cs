using System;
using Osv.Contracts.ControlDevice;

namespace Osv.Contracts.BootInterface;

/// <summary>A core as the guest's tables show it.</summary>
public struct GuestCore
{
    public uint ApicId;
    /// <summary>NUMA cell, numbered from 0 within the partition.</summary>
    public uint Cell;
}

/// <summary>The machine that a partition's tables describe.</summary>
public readonly ref struct GuestPlatform
{
    public GuestPlatform(ReadOnlySpan<GuestCore> cores, ReadOnlySpan<MemoryExtent> memory, ReadOnlySpan<uint> memoryCells)
    {
        Cores = cores;
        Memory = memory;
        MemoryCells = memoryCells;
    }

    /// <summary>The boot core comes first.</summary>
    public ReadOnlySpan<GuestCore> Cores { get; }
    public ReadOnlySpan<MemoryExtent> Memory { get; }
    /// <summary>Cell of each extent.</summary>
    public ReadOnlySpan<uint> MemoryCells { get; }
    /// <summary>I/O port of the power-management timer; 0: none.</summary>
    public ushort TimerPort { get; init; }
    /// <summary>The timer counts 32 bits, not 24.</summary>
    public bool TimerIs32Bit { get; init; }
    public bool HasPci { get; init; }
    /// <summary>The serial port interrupts, through the partition's I/O APIC; else its driver polls.</summary>
    public bool HasSerialInterrupt { get; init; }
}
