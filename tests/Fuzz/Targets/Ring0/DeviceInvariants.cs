using Osv.Contracts.ControlDevice;
using Osv.Monitor.Hardware;
using Osv.Monitor.Policy;

namespace Osv.Fuzz.Targets.Ring0;

/// <summary>What must hold of PCI functions and of the IOMMU that confines them.</summary>
internal static unsafe class DeviceInvariants
{
    private const uint BusMaster = 4, CommandBits = 0x0446, SelfReset = 0x8000;
    private const ulong Denied = 3, InterruptsDenied = 0x21, TableMask = 0x000F_FFFF_FFFF_FFC0, PageMask = 0x000F_FFFF_FFFF_F000;
    /// <summary>Of an interrupt table's entry: valid, id; vector, upper bits of the id.</summary>
    private const ulong LowBits = 1 | 0xFF_FFFFUL << 8, HighBits = 0xFF | 0xFFUL << 56;

    /// <summary>The IOMMU lets a function reach what its partition's tables show while that runs, else nothing, and uses no old entry.</summary>
    public static void Check(SimulatedIommu iommu)
    {
        for (int i = 0; i < Node.FunctionCount; i++)
        {
            PciFunction* function = Node.Functions + i;
            ulong* entry = iommu.DeviceTable + function->Requester * 4;
            Require(!iommu.IsStale(function->Requester), "the IOMMU may still use an old entry of its device table");
            int owner = function->Partition;
            bool runs = owner != Machine.Nobody && Node.Partitions[owner].State == PartitionState.Running;
            if (!runs)
            {
                Require(entry[0] == Denied && entry[2] == InterruptsDenied, "a function reaches something whose partition does not run");
                continue;
            }
            Require((entry[0] & PageMask) == (ulong)Node.NestedRoots[owner] && (entry[0] & ~PageMask) == (Denied | 4 << 9 | 3UL << 61), "a function has other tables than its partition's");
            Require((entry[1] & 0xFFFF) == (ulong)owner + 1, "a function is in another partition's domain");
            CheckInterrupts((ulong*)(entry[2] & TableMask), owner);
            for (int k = 0; k < i; k++)
                Require((iommu.DeviceTable[Node.Functions[k].Requester * 4 + 2] & TableMask) != (entry[2] & TableMask), "two functions share an interrupt table");
        }
    }

    private static void CheckInterrupts(ulong* table, int owner)
    {
        for (uint i = 0; i < Iommu.Interrupts; i++)
        {
            ulong low = table[i * 2], high = table[i * 2 + 1];
            if ((low & 1) == 0) continue;
            Require((low & ~LowBits) == 0 && (high & ~HighBits) == 0 && (high & 0xFF) >= 16, "an interrupt of a function is not a fixed one");
            int core = Node.Machine.FindCore((uint)(low >> 8 & 0xFF_FFFF) | (uint)(high >> 56) << 24);
            Require(core >= 0 && Node.Cores[core].Partition == owner, "an interrupt of a function goes to a core that is not its owner's");
        }
    }

    private static void Require(bool condition, string otherwise) => Engine.Check.That(condition, otherwise);

    public static void CheckWrite(ushort address, int offset, int bytes, uint value, int partition, bool mayReset)
    {
        Require(bytes is 1 or 2 or 4 && (offset & 3) + bytes <= 4 && offset + bytes <= PciFunction.SpaceBytes, "a write to configuration space is not one that a processor can make");
        int index = Node.Machine.FindFunction(address);
        Require(index >= 0, "a function is written that nobody can own");
        bool isCommand = offset == PciFunction.Command;
        if (mayReset)
        {
            Require(!isCommand || (value & BusMaster) == 0, "a function that is reset may move data");
            return;
        }
        Require(Node.Functions[index].Partition == partition, "configuration of another partition's function is written");
        // An exit may be the end of its partition, whose functions are reset and get back what they had.
        PciFunction* function = Node.Functions + index;
        int slot = (offset - PciFunction.FirstBaseAddress) / 4;
        bool restores = bytes == 4 && slot is >= 0 and < PciFunction.BaseAddresses && value == function->RealBase[slot];
        Require(restores || IsReset(function, offset, bytes, value) || (isCommand ? bytes == 2 && (value & ~CommandBits) == 0 : IsOpen(function, offset, bytes, value)), "a part of configuration is written that is closed, or with what is closed");
    }

    /// <summary>Of the PCI Express capability nothing but what sets off a reset, and what ends it.</summary>
    private static bool IsReset(PciFunction* function, int offset, int bytes, uint value) =>
        function->Express != 0 && offset == function->Express + 8 && bytes == 2 && (value & ~SelfReset) == function->DeviceControl;

    /// <summary>
    /// Of a function whose interrupts are remapped: one message on or off, which is the monitor's and not its owner's; the masks; MSI-X on, off and masked
    /// (what silences it leaves the other bits of its control as they are).
    /// Of one whose are not: MSI and the control of MSI-X.
    /// </summary>
    private static bool IsOpen(PciFunction* function, int offset, int bytes, uint value)
    {
        int masks = function->Msi + (function->MsiIsWide ? 16 : 12), data = masks - 4;
        if (function->MsiX != 0 && offset >= function->MsiX && offset < function->MsiX + 4)
            return !function->IsRemapped || (offset == function->MsiX + 2 && bytes == 2 && ((value & ~0xC000u) == 0 || (value & 0xC000) == 0));
        if (function->Msi == 0 || offset < function->Msi || offset >= masks + 8) return false;
        if (!function->IsRemapped || offset >= masks) return true;
        if (offset == function->Msi + 2) return bytes == 2 && (value <= 1 || (value & 0x71) == 0);
        return value == (offset == function->Msi + 4 ? 0xFEE0_0000 : 0u) && (offset == function->Msi + 4 || offset == data || offset == function->Msi + 8);
    }

    /// <summary>Device memory of a function of the partition, and not the pages of its MSI-X table.</summary>
    public static bool IsOwnMemory(int partition, ulong guest, ulong host, ulong bytes)
    {
        for (int i = 0; i < Node.FunctionCount * PciFunction.BaseAddresses; i++)
        {
            MemoryExtent memory = Node.DeviceMemory[i];
            PciFunction* function = Node.Functions + i / PciFunction.BaseAddresses;
            if (function->Partition != partition || guest - memory.GuestAddress >= memory.Bytes) continue;
            Require(host - memory.HostAddress == guest - memory.GuestAddress && memory.Bytes - (guest - memory.GuestAddress) >= bytes, "device memory is mapped elsewhere");
            Require(function->TableBytes == 0 || guest >= function->TableGuest + function->TableBytes || guest + bytes <= function->TableGuest, "the owner reaches its MSI-X table itself");
            return true;
        }
        return false;
    }
}
