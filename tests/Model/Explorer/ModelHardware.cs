using System;
using System.Runtime.InteropServices;
using Osv.Contracts.ControlDevice;
using Osv.Monitor.Policy;

namespace Osv.Model.Explorer;

/// <summary>
/// The machine behind the policy. Static, as <see cref="IHardware"/> demands; every worker thread has its own through
/// its own <typeparamref name="TSlot"/>.
/// </summary>
internal readonly struct ModelHardware<TSlot> : IHardware
    where TSlot : struct
{
    public const byte Vector = 0x41;

    /// <summary>The state being worked on.</summary>
    public static World World;
    /// <summary>
    /// The policy's extents. Their live part is a function of <see cref="World.Owner"/> and <see cref="World.Joined"/>, but for their order
    /// and guest addresses, which decide nothing: the load window shows all of them or none.
    /// </summary>
    public static readonly MemoryExtent[] Extents = new MemoryExtent[World.Partitions * ControlLayout.MaxExtents];
    public static Configuration Bounds { get; private set; } = new(0, 0, 0, 0, false, false, true, 0);

    /// <summary>The next MapPartition finds no table pages.</summary>
    public static bool TablesRunOut;
    /// <summary>The partition on whose behalf interrupts are raised.</summary>
    public static int Raiser;
    /// <summary>Hold an interrupt back: its caller does not hold the monitor lock, so others come between check and send.</summary>
    public static bool HoldsBack;
    /// <summary>The core whose interrupt is held back, or -1.</summary>
    public static int HeldBack;
    /// <summary>Where the tenant's redirection entry points when the console raises its interrupt.</summary>
    public static int ConsoleTarget;

    /// <summary>Calls made by the step, and cores that it kicked or sent to, as a bit mask.</summary>
    public static int Calls;
    public static uint Touched;
    /// <summary>What the hardware itself found wrong, or null.</summary>
    public static string? Broken;

    private static readonly IoApic[] s_ioApics = MakeIoApics();
    private static readonly MemoryEntry[] s_memory = new MemoryEntry[1];
    /// <summary>The policy's functions. Who owns them is a function of <see cref="World.FunctionOwner"/>.</summary>
    private static readonly PciFunction[] s_functions = MakeFunctions();

    public static void Configure(Configuration bounds)
    {
        Bounds = bounds;
        s_memory[0].Bytes = (ulong)bounds.Pages * ControlLayout.PageBytes;
        for (int i = 0; i < s_functions.Length; i++) s_functions[i].IsAssignable = i >= bounds.ManagementFunctions;
    }

    public static Machine Machine => new(
        ((Span<Core>)World.Core)[..Bounds.Cores],
        World.Partition,
        Extents,
        new ReadOnlySpan<MemoryEntry>(s_memory),
        new Span<PciFunction>(s_functions, 0, Bounds.Functions),
        new Span<ushort>(ref World.Window));

    public static void Begin(int raiser)
    {
        Raiser = raiser;
        HoldsBack = false;
        HeldBack = -1;
        TablesRunOut = false;
        Calls = 0;
        Touched = 0;
        Broken = null;
        for (int function = 0; function < Bounds.Functions; function++)
            s_functions[function].Partition = World.FunctionOwner[function] == World.None ? Machine.Nobody : World.FunctionOwner[function];
    }

    public static ushort AddressOf(int function) => (ushort)(0x10 + function);

    private static PciFunction[] MakeFunctions()
    {
        var made = new PciFunction[World.Functions];
        for (int i = 0; i < made.Length; i++) made[i] = new PciFunction { Address = AddressOf(i), Group = (ushort)i, Partition = Machine.Nobody };
        return made;
    }

    private static int PageOf(ulong hostAddress) => (int)(hostAddress / ControlLayout.PageBytes);

    /// <summary>The page after its last one.</summary>
    private static int EndOf(in MemoryExtent extent) => PageOf(extent.HostAddress + extent.Bytes);

    /// <summary>The extents that <see cref="World.Owner"/> and <see cref="World.Joined"/> stand for, in the order of their pages.</summary>
    public static void RebuildExtents()
    {
        Span<int> count = [0, 0, 0];
        for (int page = 0; page < Bounds.Pages; page++)
        {
            int owner = World.Owner[page];
            if (owner == World.None) continue;
            if (World.Joined[page]) Extents[owner * ControlLayout.MaxExtents + count[owner] - 1].Bytes += ControlLayout.PageBytes;
            else Extents[owner * ControlLayout.MaxExtents + count[owner]] = Extent(page, count[owner]++);
        }
        for (int p = 0; p < World.Partitions; p++) World.Partition[p].ExtentCount = (ushort)count[p];
    }

    private static MemoryExtent Extent(int page, int index) => new()
    {
        GuestAddress = (ulong)index * World.LongestExtent * ControlLayout.PageBytes,
        HostAddress = (ulong)page * ControlLayout.PageBytes,
        Bytes = ControlLayout.PageBytes,
    };

    /// <summary>Reads the owners back from the policy's extents. Two owners of a page are the worst that can happen.</summary>
    public static void ReadOwners()
    {
        for (int function = 0; function < Bounds.Functions; function++)
            World.FunctionOwner[function] = s_functions[function].Partition == Machine.Nobody ? World.None : (byte)s_functions[function].Partition;
        for (int page = 0; page < World.Pages; page++)
        {
            World.Owner[page] = World.None;
            World.Joined[page] = false;
        }
        for (int p = 0; p < World.Partitions; p++)
        {
            for (int i = 0; i < World.Partition[p].ExtentCount; i++)
            {
                MemoryExtent extent = Extents[p * ControlLayout.MaxExtents + i];
                int first = PageOf(extent.HostAddress);
                for (int page = first; page < EndOf(in extent); page++)
                {
                    if (page >= Bounds.Pages) Broken = $"partition {p} has a page that is no memory";
                    else if (World.Owner[page] != World.None) Broken = $"page {page} has two owners, partitions {World.Owner[page]} and {p}";
                    World.Owner[page] = (byte)p;
                    World.Joined[page] = page != first;
                }
            }
        }
    }

    public static void Kick(int core)
    {
        Calls++;
        Touched |= 1u << core;
        World.Kicked[core] = true;
    }

    public static void SendInterrupt(uint apicId, byte vector)
    {
        Calls++;
        int core = Machine.FindCore(apicId);
        Touched |= 1u << core;
        if (vector != Vector) Broken = $"vector {vector:X2}h was sent, {Vector:X2}h was asked for";
        if (HoldsBack) HeldBack = core;
        else Raise(core);
    }

    /// <summary>The interrupt arrives and waits: nothing says that the core takes it, it may have interrupts off.</summary>
    public static void Raise(int core) =>
        World.Pending[core] |= World.Core[core].Partition == Raiser ? World.Own : World.Foreign;

    public static bool MapPartition(int partition)
    {
        if (TablesRunOut) return false;
        Calls++;
        for (int i = 0; i < World.Partition[partition].ExtentCount; i++)
        {
            MemoryExtent extent = Extents[partition * ControlLayout.MaxExtents + i];
            for (int page = PageOf(extent.HostAddress); page < EndOf(in extent); page++)
            {
                if (World.Mapped[page] != World.None) Broken = $"page {page} is mapped for partition {partition} while partition {World.Mapped[page]} has it mapped";
                World.Mapped[page] = (byte)partition;
            }
        }
        return true;
    }

    public static void UnmapPartition(int partition)
    {
        Calls++;
        for (int page = 0; page < World.Pages; page++)
            if (World.Mapped[page] == partition) World.Mapped[page] = World.None;
    }

    public static void AttachFunctions(int partition)
    {
        Calls++;
        for (int function = 0; function < Bounds.Functions; function++)
        {
            if (World.FunctionOwner[function] != partition) continue;
            if (World.Soiled[function]) Broken = $"function {function} starts with what it was told before, without a reset";
            World.Reaches[function] = (byte)partition;
            World.InterruptTo[function] = World.NoCore;
            World.Soiled[function] = true;
        }
    }

    public static void DetachFunctions(int partition)
    {
        Calls++;
        for (int function = 0; function < Bounds.Functions; function++)
        {
            if (World.FunctionOwner[function] != partition) continue;
            World.Reaches[function] = World.None;
            World.InterruptTo[function] = World.NoCore;
        }
    }

    /// <summary>Refused accesses come at any time, each in a step of its own (<see cref="StepKind.Refused"/>).</summary>
    public static void TakeDeviceEvents() { }

    /// <summary>
    /// The owner writes a message for this core into the function's MSI-X table (Hardware/GuestPci.cs). While its partition is being
    /// stopped no entry of the device table leads to what is written, and <see cref="AttachFunctions"/> clears it.
    /// </summary>
    public static void WriteMessage(int function, int core)
    {
        if (World.Reaches[function] == World.None) return;
        DevicePolicy.Remap(Machine, World.FunctionOwner[function], 0xFEE0_0000 | (World.FirstApicId + (ulong)core) << 12, Vector, out ulong low, out _);
        World.InterruptTo[function] = low == 0 ? World.NoCore : (byte)Machine.FindCore((uint)(low >> 8 & 0xFF_FFFF));
    }

    public static void OpenWindow(int partition, ulong guestAddress)
    {
        Calls++;
        for (int i = 0; i < World.Partition[partition].ExtentCount; i++)
        {
            MemoryExtent extent = Extents[partition * ControlLayout.MaxExtents + i];
            if (extent.GuestAddress < guestAddress || extent.GuestAddress - guestAddress >= ControlLayout.WindowBytes) continue;
            for (int page = PageOf(extent.HostAddress); page < EndOf(in extent); page++) World.Visible[page] = true;
        }
    }

    public static void CloseWindow()
    {
        Calls++;
        for (int page = 0; page < World.Pages; page++) World.Visible[page] = false;
    }

    public static void ConsoleInput(int partition)
    {
        Calls++;
        Raiser = partition;
        RaisePin(partition, ConsoleTarget);
    }

    /// <summary>The serial port's pin rises while the redirection entry, which the guest writes as it likes, names this core.</summary>
    public static void RaisePin(int partition, int target) =>
        s_ioApics[target].Raise<ModelHardware<TSlot>>(Machine, partition, IoApic.SerialPin);

    private static IoApic[] MakeIoApics()
    {
        var made = new IoApic[World.Cores];
        for (int core = 0; core < World.Cores; core++)
        {
            const uint Select = 0x00, Window = 0x10, FirstEntry = 0x10;
            made[core].Reset();
            made[core].Write(Select, FirstEntry + IoApic.SerialPin * 2);
            made[core].Write(Window, Vector);
            made[core].Write(Select, FirstEntry + IoApic.SerialPin * 2 + 1);
            made[core].Write(Window, (World.FirstApicId + (uint)core) << 24);
        }
        return made;
    }

    public static void Report(EventKind kind, StopCause cause, int partition, int core) => Calls++;

    public static void PowerNode(bool off) => Calls++;
}
