using Osv.Contracts.BootInterface;
using Osv.Contracts.ControlDevice;
using Osv.Fuzz.Engine;
using Osv.Monitor.Hardware;
using Osv.Monitor.Policy;

namespace Osv.Fuzz.Targets.Ring0;

/// <summary>What must hold of the node after every exit, and what an exit may have done to the processor.</summary>
internal static unsafe class NodeInvariants
{
    private const uint Icr = 0x830;
    private const ulong Svme = 1 << 12, Present = 1, Large = 0x80, Rights = 7 | 3UL << 61, AddressMask = 0x000F_FFFF_FFFF_F000;

    /// <param name="partition">Whose exit it was; its interrupts go to its own cores only.</param>
    /// <param name="mayReset">A core has settled: it may have cleared a partition, and reset its functions.</param>
    /// <param name="mayKick">Partition 0 has asked for something, or a core has settled: cores of any partition may be kicked.</param>
    /// <param name="addressee">Another partition that an interrupt may go to; nobody, if there is none.</param>
    public static void CheckWrites(SimulatedProcessor processor, int partition, bool mayReset, bool mayKick, int addressee)
    {
        foreach ((uint msr, ulong value) in processor.MsrWrites) CheckRegister(msr, value, partition, mayKick, addressee);
        Check.That(partition == Machine.Management || processor.PortWrites.Count == 0, "a tenant's exit writes a port of the node");
        foreach ((uint port, _, _) in processor.PortWrites) Check.That(port is 0x70 or 0x71 or 0xCF9 or 0x604, "an exit writes a port of the node that the monitor has no use for");
        foreach ((ushort function, int offset, int bytes, uint value) in processor.ConfigWrites) DeviceInvariants.CheckWrite(function, offset, bytes, value, partition, mayReset);
        processor.MsrWrites.Clear();
        processor.PortWrites.Clear();
        processor.ConfigWrites.Clear();
    }

    private static void CheckRegister(uint msr, ulong value, int partition, bool mayKick, int addressee)
    {
        switch (msr)
        {
            case Icr:
                uint mode = (uint)(value >> 8) & 7, id = (uint)(value >> 32);
                Check.That(mode is 0 or 4 && (value & 0xC_8800) == 0, "an interrupt is sent that is neither fixed nor NMI, or to more than one core");
                int core = Node.Machine.FindCore(id);
                Check.That(core >= 0, "an interrupt is sent to a core that does not exist");
                int owner = Node.Cores[core].Partition;
                // A core that is back reads the IOMMU's log, which may tell of anybody's function.
                bool stopsAnother = mode == 4 && owner != Machine.Nobody && Node.Partitions[owner] is { State: PartitionState.Stopping, Cause: StopCause.DeviceViolation };
                bool isMeant = mode == 4 ? mayKick : owner != Machine.Nobody && owner == addressee;
                Check.That(owner == partition || stopsAnother || isMeant, "an exit interrupts a core that is not its own partition's");
                Check.That(mode == 4 || (value & 0xFF) >= 16, "an interrupt has a vector that the processor reserves");
                break;
            case >= 0x833 and <= 0x837:
                Check.That((value & ~0x1_07FFul) == 0 && (value >> 8 & 7) is 0 or 4, "a vector table entry gets reserved bits, or delivers SMI, INIT or ExtINT");
                break;
            case 0x808 or 0x80B or 0x80F or 0x828 or 0x832 or 0x838 or 0x83E: break;
            case 0x48 or (>= 0xC000_0081 and <= 0xC000_0084) or (>= 0xC000_0100 and <= 0xC000_0103):
                Check.That(value == 0, "a register that is scrubbed is not 0 afterwards");
                break;
            default:
                Check.That(false, "an exit writes a register that the monitor has no business with");
                break;
        }
    }

    public static void CheckState()
    {
        for (int i = 0; i < Node.CoreCount; i++)
        {
            int partition = Node.Cores[i].Partition;
            if (partition == Machine.Nobody || Node.Cores[i].Mode != CoreMode.Running || Node.Partitions[partition].State != PartitionState.Running) continue;
            Vmcb* vmcb = CoreBlock.VmcbOf(Node.Blocks[i]);
            Check.That((vmcb->Intercept1 | Intercepts.Cpuid | Intercepts.Iret) == (Intercepts.Misc1 | Intercepts.Iret) && vmcb->Intercept2 == Intercepts.Misc2 && vmcb->InterceptExceptions == Intercepts.Exceptions, "an intercept is missing");
            Check.That(vmcb->NestedPaging == 1 && vmcb->NestedCr3 == (ulong)Node.NestedRoots[partition], "a core uses another partition's nested tables");
            Check.That(vmcb->IoPermissions == (partition == 0 ? Node.ManagementIoPermissions : Node.TenantIoPermissions) && vmcb->MsrPermissions == Node.MsrPermissions, "a core uses other permission maps than its partition's");
            Check.That((vmcb->Efer & Svme) != 0 && vmcb->Asid != 0, "the processor would refuse to enter the guest");
            Check.That(vmcb->EventInjection == 0 || (vmcb->EventInjection & 0x8000_0000) != 0, "an event is injected that is none");
        }
        Check.That(Node.Partitions[0].State != PartitionState.Absent, "partition 0 is gone");
        CheckOwners();
    }

    private static void CheckOwners()
    {
        for (int p = 0; p < 5; p++)
        {
            if (Node.Partitions[p].State == PartitionState.Absent) continue;
            int cores = 0;
            for (int i = 0; i < Node.CoreCount; i++) cores += Node.Cores[i].Partition == p ? 1 : 0;
            Check.That(cores == Node.Partitions[p].CoreCount, "the count of a partition's cores is wrong");
            for (int i = 0; i < Node.Partitions[p].ExtentCount; i++)
            {
                MemoryExtent extent = Extent(p, i);
                for (int other = 0; other <= p; other++)
                    for (int k = 0; k < (other == p ? i : Node.Partitions[other].ExtentCount); k++)
                        Check.That(extent.HostAddress >= Extent(other, k).HostAddress + Extent(other, k).Bytes || Extent(other, k).HostAddress >= extent.HostAddress + extent.Bytes, "two extents share host memory");
            }
        }
    }

    private static MemoryExtent Extent(int partition, int index) => Node.Extents[partition * ControlLayout.MaxExtents + index];

    /// <summary>Nested tables show what the partition owns, and partition 0 its device, its functions and the open window besides.</summary>
    public static void CheckTables()
    {
        for (int p = 0; p < 5; p++)
        {
            if (Node.Partitions[p].State == PartitionState.Absent) continue;
            CheckTable(p, Node.NestedRoots[p], 39, 0);
        }
    }

    private static void CheckTable(int partition, ulong* table, int shift, ulong guest)
    {
        for (int i = 0; i < 512; i++)
        {
            if ((table[i] & Present) == 0)
            {
                Check.That((table[i] & Rights) == 0, "the IOMMU has rights where the processor has none");
                continue;
            }
            Check.That((table[i] & Rights) == Rights, "processor and IOMMU disagree about rights");
            bool isLeaf = shift == 12 || (table[i] & Large) != 0;
            Check.That((int)(table[i] >> 9 & 7) == (isLeaf ? 0 : (shift - 12) / 9), "processor and IOMMU disagree about what is a table");
            ulong at = guest + ((ulong)i << shift);
            if (!isLeaf) CheckTable(partition, (ulong*)(table[i] & AddressMask), shift - 9, at);
            else if (!DeviceInvariants.IsOwnMemory(partition, at, table[i] & AddressMask, 1UL << shift)) CheckLeaf(partition, at, table[i] & AddressMask, 1UL << shift);
        }
    }

    private static void CheckLeaf(int partition, ulong guest, ulong host, ulong bytes)
    {
        for (int i = 0; i < Node.Partitions[partition].ExtentCount; i++)
        {
            MemoryExtent extent = Extent(partition, i);
            if (guest - extent.GuestAddress < extent.Bytes && host - extent.HostAddress == guest - extent.GuestAddress && extent.Bytes - (guest - extent.GuestAddress) >= bytes) return;
        }
        Check.That(partition == Machine.Management, "a tenant's tables show memory that is not its own");
        if (guest - GuestMap.ControlShared < ControlLayout.SharedBytes)
        {
            Check.That(host == (ulong)Node.Shared + (guest - GuestMap.ControlShared), "the control device's memory is mapped elsewhere");
            return;
        }
        Check.That(guest - GuestMap.ControlWindow < ControlLayout.WindowBytes, "partition 0's tables show memory that is not its own");
        if (host == Node.Sink) return;
        ushort shown = Node.Window[0];
        Check.That(shown != Machine.Nobody && Node.Partitions[shown].State == PartitionState.Stopped, "the load window shows memory of a partition that is not stopped");
        for (int i = 0; i < Node.Partitions[shown].ExtentCount; i++)
            if (host - Extent(shown, i).HostAddress < Extent(shown, i).Bytes) return;
        Check.That(false, "the load window shows memory of another partition than it should");
    }
}
