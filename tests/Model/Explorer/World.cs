using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Osv.Contracts.ControlDevice;
using Osv.Monitor.Policy;

namespace Osv.Model.Explorer;

/// <summary>
/// Where a core is between two of its atomic steps (monitor/Exits/CoreLoop.cs).
/// </summary>
internal enum Place : byte
{
    /// <summary>In guest mode.</summary>
    Guest,
    /// <summary>In the loop, nothing to run: asleep until kicked.</summary>
    Parked,
    /// <summary>Handling an exit, after a step that kicked the core itself: it looks at its requests before its guest goes on.</summary>
    Settle,
    /// <summary>Lifecycle.Next said EnterStart or EnterSipi; the register state is not prepared yet.</summary>
    Enter,
    /// <summary>Lifecycle.Next said ScrubCore; registers are not clean yet.</summary>
    Scrub,
    /// <summary>Registers are clean; Lifecycle.CoreIsBack comes next.</summary>
    Scrubbed,
    /// <summary>Lifecycle.Next said ScrubMemory; memory is not clear yet.</summary>
    Clear,
    /// <summary>Memory is clear; Lifecycle.MemoryIsClean comes next.</summary>
    Cleared,
    /// <summary>Without the monitor lock: a fixed interrupt to core n was found to be allowed and is not sent yet. SendTo + n.</summary>
    SendTo,
}

/// <summary>What a core's registers hold.</summary>
internal enum Registers : byte { Clean, OwnRun, Foreign }

/// <summary>What a page holds. Free pages always count as foreign: any content they can have is less bad.</summary>
internal enum Content : byte
{
    /// <summary>Cleared, or written by partition 0 through the window for the present owner.</summary>
    Clean,
    /// <summary>Written by the present owner's present run.</summary>
    Secret,
    /// <summary>Anything of a former owner, or of a former run.</summary>
    Foreign,
}

[InlineArray(World.Cores)]
internal struct PerCore<T> { private T _first; }

[InlineArray(World.Partitions)]
internal struct PerPartition<T> { private T _first; }

[InlineArray(World.Pages)]
internal struct PerPage<T> { private T _first; }

[InlineArray(World.Functions)]
internal struct PerFunction<T> { private T _first; }

/// <summary>
/// One state: the policy's own tables, and what the machine around them does. Blittable, so that it is copied and
/// compared as bytes.
/// </summary>
internal struct World
{
    public const int Cores = 4, Partitions = 3, Pages = 6, Functions = 2;
    /// <summary>Not a partition: nobody's page, no guest.</summary>
    public const byte None = 3;
    /// <summary>Most pages of one extent.</summary>
    public const uint LongestExtent = 2;
    /// <summary>In place of a core: a function's interrupt goes nowhere.</summary>
    public const byte NoCore = 7;
    /// <summary>Bits of <see cref="Pending"/>: raised by the present run of the core's owner, or by anybody else.</summary>
    public const byte Own = 1, Foreign = 2;
    /// <summary>Core i has APIC id i + this: a whole logical cluster that is not cluster 0.</summary>
    public const uint FirstApicId = 0x10;

    public PerCore<Core> Core;
    public PerPartition<Partition> Partition;
    public ushort Window;

    /// <summary>The kick word: set by IHardware.Kick, and with it an NMI on its way.</summary>
    public PerCore<bool> Kicked;
    public PerCore<byte> Place;
    /// <summary>The partition whose guest state the core has loaded, or <see cref="None"/>.</summary>
    public PerCore<byte> Runs;
    public PerCore<byte> Pending;
    public PerCore<Registers> Registers;
    /// <summary>A waiting INIT, SIPI or NMI request was raised by another partition, or by a former run.</summary>
    public PerCore<bool> RequestIsForeign;

    /// <summary>Owner by the policy's extents.</summary>
    public PerPage<byte> Owner;
    /// <summary>The page belongs to the same extent as the page before it.</summary>
    public PerPage<bool> Joined;
    /// <summary>The partition whose nested tables map the page, or <see cref="None"/>.</summary>
    public PerPage<byte> Mapped;
    /// <summary>Partition 0 reaches the page through the load window.</summary>
    public PerPage<bool> Visible;
    public PerPage<Content> Content;
    /// <summary>Owner of a PCI function by the policy.</summary>
    public PerFunction<byte> FunctionOwner;
    /// <summary>The partition whose nested tables the IOMMU walks for the function, or <see cref="None"/>: it is denied.</summary>
    public PerFunction<byte> Reaches;
    /// <summary>The core that the function's entry of the interrupt table names, or <see cref="NoCore"/>.</summary>
    public PerFunction<byte> InterruptTo;
    /// <summary>An owner has told the function things since its last reset.</summary>
    public PerFunction<bool> Soiled;

    [UnscopedRef]
    public ReadOnlySpan<byte> Bytes => MemoryMarshal.AsBytes(new ReadOnlySpan<World>(in this));

    /// <summary>
    /// Forgets what brings nothing: that a guest panicked or was refused an access once (it may do so again), and kicks for which no request waits
    /// (a probe is none that a decision reads) and no memory is to be scrubbed by this core. Looking at them would change
    /// nothing, which <see cref="Properties"/> proves in every state.
    /// </summary>
    public void Forget()
    {
        for (int partition = 0; partition < Partitions; partition++) Partition[partition].Panicked = Partition[partition].Refused = false;
        for (int core = 0; core < Cores; core++)
        {
            ref Core policy = ref Core[core];
            policy.Requests &= ~Request.Probe;
            if (policy.Requests != Request.None) continue;
            bool scrubs = policy.Partition != Machine.Nobody && Partition[policy.Partition].State == PartitionState.Scrubbing && Partition[policy.Partition].BootCore == core;
            if (!scrubs) Kicked[core] = false;
        }
    }

    /// <summary>Core n is in guest mode, or handling an exit there without having looked at its kick word.</summary>
    public readonly bool InGuest(int core) => Place[core] is (byte)Explorer.Place.Guest or (byte)Explorer.Place.Settle or >= (byte)Explorer.Place.SendTo;
}
