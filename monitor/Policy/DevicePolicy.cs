using Osv.Contracts.ControlDevice;

namespace Osv.Monitor.Policy;

/// <summary>What stands at an address of a partition's PCI configuration space.</summary>
public enum ConfigTarget { Absent, HostBridge, Control, Function }

/// <summary>Which functions a partition has, what it sees of them, where their interrupts go, and what a refused access leads to.</summary>
public static unsafe class DevicePolicy
{
    private const uint Enable = 0x8000_0000;
    private const int HostBridge = 0, Control = 1, FirstFunction = 2;

    /// <summary>All that a request names can be had, each of them by nobody else. Partition 0 may have what cannot be reset or confined.</summary>
    public static ControlStatus Check(Machine machine, int partition, in ControlRequest request, out uint index)
    {
        index = 0;
        if (request.FunctionCount > ControlLayout.MaxOwnFunctions) return ControlStatus.BadFunctionCount;
        for (uint i = 0; i < request.FunctionCount; i++)
        {
            index = i;
            int function = machine.FindFunction(request.Functions[(int)i]);
            if (function < 0) return ControlStatus.UnknownFunction;
            if (machine.Functions[function].Partition != Machine.Nobody || Names(in request, i, machine.Functions[function].Address)) return ControlStatus.FunctionNotFree;
            if (partition == Machine.Management) continue;
            if (!machine.Functions[function].IsAssignable) return ControlStatus.FunctionNotAssignable;
            for (int other = 0; other < machine.Functions.Length; other++)
                if (machine.Functions[other].Group == machine.Functions[function].Group && !Names(in request, request.FunctionCount, machine.Functions[other].Address))
                    return ControlStatus.GroupSplit;
        }
        index = 0;
        return ControlStatus.Ok;
    }

    private static bool Names(in ControlRequest request, uint count, ushort address)
    {
        for (uint i = 0; i < count; i++)
            if (request.Functions[(int)i] == address) return true;
        return false;
    }

    /// <summary>Hands over what <see cref="Check"/> has found to be free.</summary>
    public static void Take(Machine machine, int partition, in ControlRequest request)
    {
        for (uint i = 0; i < request.FunctionCount; i++)
            machine.Functions[machine.FindFunction(request.Functions[(int)i])].Partition = (ushort)partition;
    }

    public static void Release(Machine machine, int partition)
    {
        for (int i = 0; i < machine.Functions.Length; i++)
            if (machine.Functions[i].Partition == partition) machine.Functions[i].Partition = Machine.Nobody;
    }

    /// <summary>
    /// What the address register names. Bus 0 has a made-up host bridge, for partition 0 the control function, then the
    /// partition's own functions in the order of the node's; a tenant that has none sees no PCI.
    /// </summary>
    public static ConfigTarget Locate(Machine machine, int partition, out int function, out int offset)
    {
        uint address = machine.Partitions[partition].ConfigAddress;
        function = -1;
        offset = (int)(address & 0xFC);
        // Bits 27:24 select extended registers on AMD processors: there are none.
        if ((address & 0x8FFF_0700) != Enable) return ConfigTarget.Absent;
        int device = (int)(address >> 11 & 31), before = FirstFunction;
        bool management = partition == Machine.Management;
        if (device == Control) return management ? ConfigTarget.Control : ConfigTarget.Absent;
        if (device == HostBridge && management) return ConfigTarget.HostBridge;
        for (int i = 0; i < machine.Functions.Length; i++)
        {
            if (machine.Functions[i].Partition != partition) continue;
            if (device == HostBridge) return ConfigTarget.HostBridge;
            if (before++ != device) continue;
            function = i;
            return ConfigTarget.Function;
        }
        return ConfigTarget.Absent;
    }

    /// <summary>
    /// The interrupt remapping entry for a message (AMD I/O Virtualization Technology 3.10, 2.2.5.2): a fixed interrupt to one
    /// core of the partition, named physically. Anything else becomes no entry: it is not delivered.
    /// </summary>
    /// <param name="low">Bits 63:0 of the entry; 0: none.</param>
    /// <param name="high">Bits 127:64.</param>
    public static bool Remap(Machine machine, int partition, ulong address, uint data, out ulong low, out ulong high)
    {
        const uint Logical = 4, Mode = 0x600, Remapped = 1;
        low = high = 0;
        uint vector = data & 0xFF;
        // Bits 19:12 are the id, 11:5 its bits 14:8 (extended destination id, as in an I/O APIC's entry).
        uint destination = (uint)(address >> 12 & 0xFF) | (uint)(address >> 5 & 0x7F) << 8;
        if (address >> 20 != 0xFEE || (address & Logical) != 0 || (data & Mode) != 0 || vector < 16) return false;
        int core = machine.FindCore(destination);
        if (core < 0 || machine.Cores[core].Partition != partition) return false;
        low = Remapped | (ulong)(destination & 0xFF_FFFF) << 8;
        high = vector | (ulong)(destination >> 24) << 56;
        return true;
    }

    /// <summary>
    /// The IOMMU refused an access. A tenant that has its function reach beyond its memory is stopped, as for an access of its
    /// own cores. Partition 0 is not: nobody could drive the node. Told once a start: no guest may fill the event ring.
    /// </summary>
    public static void Refused<THardware>(Machine machine, ushort requester)
        where THardware : struct, IHardware
    {
        int owner = Machine.Management;
        for (int i = 0; i < machine.Functions.Length; i++)
            if (machine.Functions[i].Requester == requester && machine.Functions[i].Partition != Machine.Nobody) owner = machine.Functions[i].Partition;
        ref Partition partition = ref machine.Partitions[owner];
        if (partition.State != PartitionState.Running || partition.Refused) return;
        partition.Refused = true;
        THardware.Report(owner == Machine.Management ? EventKind.DeviceRefused : EventKind.Violation, StopCause.DeviceViolation, owner, partition.BootCore);
        if (owner != Machine.Management) Lifecycle.Stop<THardware>(machine, owner, StopCause.DeviceViolation);
    }
}
