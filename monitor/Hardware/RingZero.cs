using Osv.Contracts.BootInterface;
using Osv.Contracts.ControlDevice;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Hardware;

/// <summary>The processor behind policy's <see cref="IHardware"/>.</summary>
public readonly unsafe struct RingZero : IHardware
{
    public static void Kick(int core)
    {
        CoreBlock* block = Node.Blocks[core];
        Cpu.Exchange32(&block->Kicked, 1);
        if (block->ApicId != LocalApic.OwnId) LocalApic.SendNmi(block->ApicId);
    }

    public static void SendInterrupt(uint apicId, byte vector) => LocalApic.SendFixed(apicId, vector);

    public static bool MapPartition(int partition)
    {
        ulong* root = NestedPageTable.Create();
        if (root == null) return false;
        bool complete = true;
        for (int i = 0; i < Node.Partitions[partition].ExtentCount && complete; i++)
        {
            MemoryExtent extent = Node.Extents[partition * ControlLayout.MaxExtents + i];
            complete = NestedPageTable.Map(root, extent.GuestAddress, extent.HostAddress, extent.Bytes);
        }
        if (complete && partition == Machine.Management)
            complete = NestedPageTable.Map(root, GuestMap.ControlShared, (ulong)Node.Shared, ControlLayout.SharedBytes) && ShowSink(root);
        for (int i = 0; i < Node.FunctionCount && complete; i++)
            if (Node.Functions[i].Partition == partition) complete = ShowFunction(root, i);
        if (!complete)
        {
            NestedPageTable.Destroy(root);
            return false;
        }
        Node.NestedRoots[partition] = root;
        return true;
    }

    public static void UnmapPartition(int partition)
    {
        NestedPageTable.Destroy(Node.NestedRoots[partition]);
        Node.NestedRoots[partition] = null;
    }

    /// <summary>All memory of a function but the pages of an MSI-X table that is kept from its owner.</summary>
    private static bool ShowFunction(ulong* root, int index)
    {
        PciFunction* function = Node.Functions + index;
        for (int i = 0; i < PciFunction.BaseAddresses; i++)
        {
            MemoryExtent memory = Node.DeviceMemory[index * PciFunction.BaseAddresses + i];
            ulong before = memory.Bytes, after = 0;
            if (function->TableBytes != 0 && function->TableGuest >= memory.GuestAddress && function->TableGuest - memory.GuestAddress < memory.Bytes)
            {
                before = function->TableGuest - memory.GuestAddress;
                after = memory.Bytes - before - function->TableBytes;
            }
            ulong skipped = memory.Bytes - after;
            if (!NestedPageTable.Map(root, memory.GuestAddress, memory.HostAddress, before)) return false;
            if (!NestedPageTable.Map(root, memory.GuestAddress + skipped, memory.HostAddress + skipped, after)) return false;
        }
        return true;
    }

    public static void AttachFunctions(int partition)
    {
        for (int i = 0; i < Node.FunctionCount && Iommu.IsOn; i++)
            if (Node.Functions[i].Partition == partition) Iommu.Attach(i, Node.Functions[i].Requester, partition, Node.NestedRoots[partition]);
    }

    public static void DetachFunctions(int partition)
    {
        for (int i = 0; i < Node.FunctionCount && Iommu.IsOn; i++)
            if (Node.Functions[i].Partition == partition) Iommu.Detach(Node.Functions[i].Requester, partition);
    }

    public static void TakeDeviceEvents() => Iommu.TakeEvents();

    private static bool ShowSink(ulong* root)
    {
        for (ulong offset = 0; offset < ControlLayout.WindowBytes; offset += ControlLayout.PageBytes)
            if (!NestedPageTable.Map(root, GuestMap.ControlWindow + offset, Node.Sink, ControlLayout.PageBytes)) return false;
        return true;
    }

    public static void OpenWindow(int partition, ulong guestAddress)
    {
        ulong* root = Node.NestedRoots[Machine.Management];
        for (int i = 0; i < Node.Partitions[partition].ExtentCount; i++)
        {
            MemoryExtent extent = Node.Extents[partition * ControlLayout.MaxExtents + i];
            ulong start = extent.GuestAddress > guestAddress ? extent.GuestAddress : guestAddress;
            ulong end = extent.GuestAddress + extent.Bytes, windowEnd = guestAddress + ControlLayout.WindowBytes;
            if (end > windowEnd) end = windowEnd;
            if (start < end) NestedPageTable.Map(root, GuestMap.ControlWindow + (start - guestAddress), extent.HostAddress + (start - extent.GuestAddress), end - start);
        }
        FlushManagement();
    }

    public static void CloseWindow()
    {
        ShowSink(Node.NestedRoots[Machine.Management]);
        FlushManagement();
    }

    /// <summary>
    /// Waits until no device and no core of partition 0 can use an old translation: each core has either left the guest
    /// or entered it again after the new generation. A core waiting for the monitor lock has left it.
    /// </summary>
    private static void FlushManagement()
    {
        uint generation = unchecked(Node.Generations[Machine.Management] + 1);
        Cpu.Store32(&Node.Generations[Machine.Management], generation);
        Cpu.Fence();
        Iommu.InvalidatePages(Machine.Management);
        for (int i = 0; i < Node.CoreCount; i++)
        {
            if (Node.Cores[i].Partition != Machine.Management) continue;
            CoreBlock* block = Node.Blocks[i];
            if (block->ApicId == LocalApic.OwnId) continue;
            Kick(i);
            while (Cpu.Load32(&block->InGuest) != 0 && Cpu.Load32(&block->FlushedTo) != generation)
            {
                if (Panic.IsOver) Cpu.Halt();
                Cpu.Pause();
            }
        }
    }

    public static void ConsoleInput(int partition) => GuestDevices.ConsoleInput(partition);

    public static void Report(EventKind kind, StopCause cause, int partition, int core)
    {
        Vmcb* vmcb = CoreBlock.VmcbOf(Node.Blocks[core]);
        ControlHeader* header = Node.Header;
        ulong number = EventCount;
        EventEntry* entry = (EventEntry*)(Node.Shared + ControlLayout.EventRingOffset) + (int)(number % ControlLayout.EventRingEntries);
        entry->Tsc = Cpu.TimeStamp();
        entry->Kind = (uint)kind;
        entry->Cause = (uint)cause;
        entry->Partition = (uint)partition;
        entry->ApicId = Node.Blocks[core]->ApicId;
        entry->Rip = vmcb->Rip;
        entry->Cr2 = vmcb->Cr2;
        entry->Cr3 = vmcb->Cr3;
        entry->Detail = cause == StopCause.DeviceViolation && kind != EventKind.Stopped ? Iommu.RefusedAddress : vmcb->ExitCode == ExitCode.NestedPageFault ? vmcb->ExitInfo2 : vmcb->ExitCode;
        EventCount = number + 1;
        Cpu.Store64(&entry->Sequence, EventCount);
        Cpu.Store64(&header->EventCount, EventCount);
        Publish(partition);
    }

    /// <summary>The monitor's own count; partition 0 can overwrite the one it sees, this one it cannot.</summary>
    private static ulong EventCount;

    /// <summary>Writes the partition's line in the shared table, and whose functions are.</summary>
    public static void Publish(int partition)
    {
        Partition* from = Node.Partitions + partition;
        PartitionEntry* to = Node.SharedPartition(partition);
        ulong bytes = 0;
        MemoryExtent* own = Node.Extents + partition * ControlLayout.MaxExtents;
        MemoryExtent* shown = (MemoryExtent*)(Node.Shared + ControlLayout.ExtentTableOffset) + partition * ControlLayout.MaxExtents;
        for (int i = 0; i < from->ExtentCount; i++)
        {
            shown[i] = own[i];
            bytes += own[i].Bytes;
        }
        to->CoreCount = from->CoreCount;
        to->MemoryBytes = bytes;
        to->LastCause = (uint)from->Cause;
        to->ExtentCount = from->ExtentCount;
        Cpu.Store32(&to->State, (uint)from->State);
        for (int i = 0; i < Node.FunctionCount; i++)
        {
            Node.SharedFunction(i)->Partition = Node.Functions[i].Partition;
            Node.SharedFunction(i)->IsAssignable = (ushort)(Node.Functions[i].IsAssignable ? 1 : 0);
        }
    }

    /// <summary>
    /// Reset through the chipset (CF9h), power off through the power-management block found in the FADT: SLP_EN with a sleep
    /// type of 0. Firmware names the type of S5 in AML, which we do not run; where it is another one the node resets instead.
    /// </summary>
    public static void PowerNode(bool off)
    {
        if (off && Startup.Firmware.Pm1Control != 0) Cpu.Out16(Startup.Firmware.Pm1Control, 0x2000);
        Cpu.Out8(0xCF9, 2);
        Cpu.Out8(0xCF9, 6);
        Cpu.Halt();
    }
}
