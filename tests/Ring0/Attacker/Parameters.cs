using System.Runtime.InteropServices;

namespace Osv.Ring0.Attacker;

/// <summary>What the payload does. Attacker and Driver compile this file.</summary>
public enum PayloadMode : uint
{
    /// <summary>All cases of one group; the argument is a <see cref="CaseGroup"/>.</summary>
    Cases = 0,
    /// <summary>One case that ends the partition; the argument is its number.</summary>
    Ending = 1,
    /// <summary>The neighbour: checksum, timer, counters; answers 'r' with a report and 's' with a fresh start of its counters.</summary>
    Victim = 2,
    /// <summary>One storm; the argument is a <see cref="Storm"/>.</summary>
    Storm = 3,
    /// <summary>Looks for what an earlier owner left in registers and memory.</summary>
    Residue = 4,
    /// <summary>A triple fault; CR2, which the event tells, holds the time-stamp counter of just before.</summary>
    TimedFault = 5,
    /// <summary>Both cores end the partition at the same moment; the argument is a pair of <see cref="WayOut"/>, the second core's in bits 15:8.</summary>
    EndsAtOnce = 6,
    /// <summary>A device of the partition reaches <see cref="Parameters.Target"/>; the argument is a <see cref="DmaKind"/>.</summary>
    Dma = 7,
}

/// <summary>What a device is told to do.</summary>
public enum DmaKind : uint
{
    /// <summary>Fetch its commands from the target.</summary>
    Commands,
    /// <summary>Write its completions there.</summary>
    Completions,
    /// <summary>Write a page of data there.</summary>
    Data,
    /// <summary>The same, with the second half of data that begin in the partition's own memory.</summary>
    SecondPage,
    /// <summary>Write the partition's own memory without end.</summary>
    Stream,
}

public enum CaseGroup : uint
{
    Icr,
    LocalVectors,
    IoApic,
    Msr,
    ApicRegisters,
    Ports,
    Instructions,
    ControlRegisters,
    Cpuid,
    Modes,
    MsrSweep,
    PortSweep,
    Devices,
    Count,
}

public enum Storm : uint
{
    Nmi,
    Init,
    Exits,
    Broadcast,
    InterruptShadow,
    /// <summary>Both cores send NMIs to both until partition 0 stops them.</summary>
    NmiWithoutEnd,
    /// <summary>The second core halts with interrupts off, the first works.</summary>
    Parked,
    /// <summary>A loop of many instructions with interrupts off while the timer's interrupt waits.</summary>
    Spinning,
    /// <summary>Both cores halt with interrupts off.</summary>
    Dead,
    /// <summary>One core accesses the trapped page by an instruction that the other turns from a store into a load and back.</summary>
    Rewritten,
    /// <summary>The same with an instruction that the monitor does not emulate: that ends the partition.</summary>
    RewrittenBeyond,
    /// <summary>Both cores arm their timers anew as fast as they can, the shortest counts, and take what comes.</summary>
    Timers,
    Count,
}

/// <summary>How a core ends its partition.</summary>
public enum WayOut : uint
{
    Reset,
    PowerOff,
    TripleFault,
    /// <summary>An access beyond the partition's memory.</summary>
    Violation,
    /// <summary>INIT at both cores: that ends nothing, and partition 0 must be able to.</summary>
    Init,
    Count,
}

/// <summary>Lies at <see cref="Address"/> of the guest; RSI points to it at entry.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct Parameters
{
    public const ulong Address = 0x1000;
    /// <summary>In place of an APIC id: there is no such core.</summary>
    public const uint NoCore = 0xFFFF_FFFF;

    public PayloadMode Mode;
    public uint Argument;
    public uint OwnId;
    public uint SecondId;
    public uint NeighbourId;
    public uint ManagementId;
    public ulong MemoryBytes;
    public ulong TscKilohertz;
    public uint TimerPort;
    public uint Reserved;
    /// <summary>Host addresses of monitor code, for hardware breakpoints.</summary>
    public ulong MonitorCode0;
    public ulong MonitorCode1;
    /// <summary>Where a device is told to reach.</summary>
    public ulong Target;
}
