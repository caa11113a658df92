using Osv.Contracts.ControlDevice;

namespace Osv.Monitor.Policy;

/// <summary>
/// The control operations. Each validates everything first; a status other than Ok means nothing changed.
/// The request is a private copy: partition 0 cannot change it while it is being looked at.
/// </summary>
public static unsafe class ControlPolicy
{
    public static ControlStatus Execute<THardware>(Machine machine, uint operation, in ControlRequest request, out uint index)
        where THardware : struct, IHardware
    {
        index = 0;
        var asked = (ControlOperation)operation;
        if (asked == ControlOperation.Topology) return ControlStatus.Ok;
        if (asked is < ControlOperation.Create or > ControlOperation.Console) return ControlStatus.UnknownOperation;
        if (request.Partition >= (uint)machine.Partitions.Length) return ControlStatus.BadPartition;
        if (request.Partition == Machine.Management && asked is not (ControlOperation.Stop or ControlOperation.Probe)) return ControlStatus.ManagementIsFixed;
        int partition = (int)request.Partition;
        return asked switch
        {
            ControlOperation.Create => CreateAt<THardware>(machine, partition, in request, out index),
            ControlOperation.Load => Load<THardware>(machine, in request),
            ControlOperation.Start => Start<THardware>(machine, in request),
            ControlOperation.Stop => Stop<THardware>(machine, in request),
            ControlOperation.Destroy => Destroy<THardware>(machine, partition),
            ControlOperation.Probe => Probe<THardware>(machine, partition),
            _ => Console<THardware>(machine, partition),
        };
    }

    /// <summary>Also makes partition 0 at boot.</summary>
    public static ControlStatus CreateAt<THardware>(Machine machine, int partition, in ControlRequest request, out uint index)
        where THardware : struct, IHardware
    {
        index = 0;
        if (machine.Partitions[partition].State != PartitionState.Absent) return ControlStatus.WrongState;
        ControlStatus status = CheckCores(machine, in request, out index);
        if (status != ControlStatus.Ok) return status;
        status = CheckExtents(machine, in request, out index);
        if (status != ControlStatus.Ok) return status;
        status = DevicePolicy.Check(machine, partition, in request, out index);
        if (status != ControlStatus.Ok) return status;

        ref Partition made = ref machine.Partitions[partition];
        made.ExtentCount = (ushort)request.ExtentCount;
        for (int i = 0; i < (int)request.ExtentCount; i++) machine.Extent(partition, i) = ExtentOf(in request, i);
        DevicePolicy.Take(machine, partition, in request);
        if (!THardware.MapPartition(partition))
        {
            DevicePolicy.Release(machine, partition);
            made.ExtentCount = 0;
            return ControlStatus.OutOfTables;
        }
        for (int i = 0; i < (int)request.CoreCount; i++)
        {
            int core = machine.FindCore(request.Cores[i]);
            machine.Cores[core].Partition = (ushort)partition;
            if (i == 0) made.BootCore = (ushort)core;
        }
        made.CoreCount = (ushort)request.CoreCount;
        made.Dirty = true;
        made.State = PartitionState.Scrubbing;
        THardware.Kick(made.BootCore);
        return ControlStatus.Ok;
    }

    private static ControlStatus CheckCores(Machine machine, in ControlRequest request, out uint index)
    {
        index = 0;
        uint count = request.CoreCount;
        if (count == 0 || count > (uint)machine.Cores.Length || count > ControlLayout.MaxCores) return ControlStatus.BadCoreCount;
        for (uint i = 0; i < count; i++)
        {
            index = i;
            int core = machine.FindCore(request.Cores[(int)i]);
            if (core < 0) return ControlStatus.UnknownCore;
            if (machine.Cores[core].Partition != Machine.Nobody) return ControlStatus.CoreNotFree;
            for (uint j = 0; j < i; j++)
                if (request.Cores[(int)j] == request.Cores[(int)i]) return ControlStatus.DuplicateCore;
            for (int sibling = 0; sibling < machine.Cores.Length; sibling++)
                if (machine.Cores[sibling].PhysicalCore == machine.Cores[core].PhysicalCore && !Names(in request, machine.Cores[sibling].ApicId))
                    return ControlStatus.SiblingsSplit;
        }
        return ControlStatus.Ok;
    }

    private static bool Names(in ControlRequest request, uint apicId)
    {
        for (uint i = 0; i < request.CoreCount; i++)
            if (request.Cores[(int)i] == apicId) return true;
        return false;
    }

    private static MemoryExtent ExtentOf(in ControlRequest request, int i) => new()
    {
        GuestAddress = request.Extents[i * 3],
        HostAddress = request.Extents[i * 3 + 1],
        Bytes = request.Extents[i * 3 + 2],
    };

    private static ControlStatus CheckExtents(Machine machine, in ControlRequest request, out uint index)
    {
        index = 0;
        if (request.ExtentCount == 0 || request.ExtentCount > ControlLayout.MaxExtents) return ControlStatus.BadExtentCount;
        for (uint i = 0; i < request.ExtentCount; i++)
        {
            index = i;
            MemoryExtent extent = ExtentOf(in request, (int)i);
            if (!GuestLayout.IsWellFormed(in extent)) return ControlStatus.BadExtent;
            if (!IsInMemory(machine, in extent)) return ControlStatus.MemoryNotFree;
            for (int p = 0; p < machine.Partitions.Length; p++)
                for (int k = 0; k < machine.Partitions[p].ExtentCount; k++)
                    if (Overlap(extent.HostAddress, extent.Bytes, machine.Extent(p, k).HostAddress, machine.Extent(p, k).Bytes))
                        return ControlStatus.MemoryNotFree;
            for (uint j = 0; j < i; j++)
            {
                MemoryExtent other = ExtentOf(in request, (int)j);
                if (Overlap(extent.HostAddress, extent.Bytes, other.HostAddress, other.Bytes)) return ControlStatus.MemoryNotFree;
                if (Overlap(extent.GuestAddress, extent.Bytes, other.GuestAddress, other.Bytes)) return ControlStatus.GuestOverlap;
            }
        }
        return ControlStatus.Ok;
    }

    private static bool IsInMemory(Machine machine, in MemoryExtent extent)
    {
        for (int i = 0; i < machine.Memory.Length; i++)
            if (extent.HostAddress >= machine.Memory[i].HostAddress
                && extent.HostAddress + extent.Bytes <= machine.Memory[i].HostAddress + machine.Memory[i].Bytes)
                return true;
        return false;
    }

    /// <summary>Both ranges are known to end below 2^52, so the sums cannot wrap.</summary>
    private static bool Overlap(ulong a, ulong aBytes, ulong b, ulong bBytes) => a < b + bBytes && b < a + aBytes;

    private static ControlStatus Load<THardware>(Machine machine, in ControlRequest request)
        where THardware : struct, IHardware
    {
        if (request.Argument > 1) return ControlStatus.BadArgument;
        if (request.Argument == 0)
        {
            if (machine.Window[0] != request.Partition) return ControlStatus.WrongState;
            CloseWindow<THardware>(machine);
            return ControlStatus.Ok;
        }
        if (machine.Partitions[(int)request.Partition].State != PartitionState.Stopped) return ControlStatus.WrongState;
        if (request.WindowAddress % ControlLayout.WindowBytes != 0 || request.WindowAddress >= GuestLayout.AddressLimit) return ControlStatus.BadWindow;
        CloseWindow<THardware>(machine);
        machine.Window[0] = (ushort)request.Partition;
        THardware.OpenWindow((int)request.Partition, request.WindowAddress);
        return ControlStatus.Ok;
    }

    public static void CloseWindow<THardware>(Machine machine)
        where THardware : struct, IHardware
    {
        if (machine.Window[0] == Machine.Nobody) return;
        THardware.CloseWindow();
        machine.Window[0] = Machine.Nobody;
    }

    private static ControlStatus Start<THardware>(Machine machine, in ControlRequest request)
        where THardware : struct, IHardware
    {
        ref Partition partition = ref machine.Partitions[(int)request.Partition];
        if (partition.State != PartitionState.Stopped) return ControlStatus.WrongState;
        if (!GuestLayout.IsEntry(in request.Entry)) return ControlStatus.BadEntry;
        // It could be assigned when it was: its reset has failed since.
        for (int i = 0; i < machine.Functions.Length; i++)
            if (machine.Functions[i].Partition == request.Partition && !machine.Functions[i].IsAssignable) return ControlStatus.FunctionNotAssignable;
        if (machine.Window[0] == request.Partition) CloseWindow<THardware>(machine);
        partition.Entry = request.Entry;
        Lifecycle.Start<THardware>(machine, (int)request.Partition);
        return ControlStatus.Ok;
    }

    /// <summary>Without partition 0 nobody could drive the node: stopping it stops the node.</summary>
    private static ControlStatus Stop<THardware>(Machine machine, in ControlRequest request)
        where THardware : struct, IHardware
    {
        if (request.Partition != Machine.Management)
            return Lifecycle.Stop<THardware>(machine, (int)request.Partition, StopCause.Requested) ? ControlStatus.Ok : ControlStatus.WrongState;
        if (request.Argument is not (1 or 2)) return ControlStatus.BadArgument;
        THardware.PowerNode(request.Argument == 2);
        return ControlStatus.Ok;
    }

    private static ControlStatus Destroy<THardware>(Machine machine, int partition)
        where THardware : struct, IHardware
    {
        ref Partition gone = ref machine.Partitions[partition];
        if (gone.State != PartitionState.Stopped) return ControlStatus.WrongState;
        if (machine.Window[0] == partition) CloseWindow<THardware>(machine);
        for (int i = 0; i < machine.Cores.Length; i++)
            if (machine.Cores[i].Partition == partition) machine.Cores[i].Partition = Machine.Nobody;
        DevicePolicy.Release(machine, partition);
        THardware.UnmapPartition(partition);
        gone = default;
        return ControlStatus.Ok;
    }

    private static ControlStatus Probe<THardware>(Machine machine, int partition)
        where THardware : struct, IHardware
    {
        if (machine.Partitions[partition].State != PartitionState.Running) return ControlStatus.WrongState;
        ProbeAll<THardware>(machine, partition);
        return ControlStatus.Ok;
    }

    public static void ProbeAll<THardware>(Machine machine, int partition)
        where THardware : struct, IHardware
    {
        for (int i = 0; i < machine.Cores.Length; i++)
        {
            if (machine.Cores[i].Partition != partition) continue;
            machine.Cores[i].Requests |= Request.Probe;
            THardware.Kick(i);
        }
    }

    private static ControlStatus Console<THardware>(Machine machine, int partition)
        where THardware : struct, IHardware
    {
        if (machine.Partitions[partition].State != PartitionState.Running) return ControlStatus.WrongState;
        THardware.ConsoleInput(partition);
        return ControlStatus.Ok;
    }
}
