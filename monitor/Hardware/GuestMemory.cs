using Osv.Contracts.ControlDevice;

namespace Osv.Monitor.Hardware;

/// <summary>
/// Reads a running guest's memory, by guest-physical and by virtual address. The guest may change what is read at any
/// time, so every value is loaded once; an address outside its extents reads as nothing.
/// </summary>
public static unsafe class GuestMemory
{
    private const ulong Present = 1, Large = 0x80, AddressMask = 0x000F_FFFF_FFFF_F000;
    private const ulong FiveLevels = 1 << 12;

    /// <summary>Host address of a guest-physical one, or null. The partition's extents stay while one of its cores is here.</summary>
    private static byte* HostOf(int partition, ulong guest)
    {
        for (int i = 0; i < Node.Partitions[partition].ExtentCount; i++)
        {
            MemoryExtent extent = Node.Extents[partition * ControlLayout.MaxExtents + i];
            if (guest >= extent.GuestAddress && guest - extent.GuestAddress < extent.Bytes) return (byte*)(extent.HostAddress + (guest - extent.GuestAddress));
        }
        return null;
    }

    /// <summary>Walks the guest's page tables in long mode (APM vol. 2, 5.3). False where they end.</summary>
    private static bool Translate(int partition, Vmcb* vmcb, ulong address, out ulong physical)
    {
        physical = 0;
        ulong table = vmcb->Cr3 & AddressMask;
        for (int shift = (vmcb->Cr4 & FiveLevels) != 0 ? 48 : 39; ; shift -= 9)
        {
            byte* slot = HostOf(partition, table + ((address >> shift) & 511) * 8);
            if (slot == null) return false;
            ulong entry = Cpu.Load64((ulong*)slot);
            if ((entry & Present) == 0) return false;
            if (shift == 12 || (shift <= 30 && (entry & Large) != 0))
            {
                ulong offset = (1UL << shift) - 1;
                physical = (entry & AddressMask & ~offset) | (address & offset);
                return true;
            }
            table = entry & AddressMask;
        }
    }

    /// <summary>The guest runs 64-bit code: the only kind that is read here.</summary>
    private static bool Is64Bit(Vmcb* vmcb)
    {
        const ulong LongModeActive = 1 << 10;
        const ushort LongCode = 0x200;
        return (vmcb->Efer & LongModeActive) != 0 && (vmcb->Cs.Attributes & LongCode) != 0;
    }

    /// <summary>How many prefixes the instruction at RIP has, REX among them (APM vol. 3, 1.2); 0 outside 64-bit code.</summary>
    public static uint Prefixes(int partition, Vmcb* vmcb)
    {
        const int Longest = 13;
        byte* bytes = stackalloc byte[Longest];
        int available = Fetch(partition, vmcb, vmcb->Rip, bytes, Longest);
        uint count = 0;
        while (count < (uint)available && bytes[count] is (>= 0x40 and <= 0x4F) or 0x26 or 0x2E or 0x36 or 0x3E or 0x64 or 0x65 or 0x66 or 0x67 or 0xF0 or 0xF2 or 0xF3) count++;
        return count;
    }

    /// <summary>Copies the guest's bytes at a linear address of 64-bit code; how many could be read.</summary>
    public static int Fetch(int partition, Vmcb* vmcb, ulong start, byte* bytes, int count)
    {
        if (!Is64Bit(vmcb)) return 0;
        byte* source = null;
        for (int i = 0; i < count; i++)
        {
            ulong address = unchecked(start + (uint)i);
            if (source == null || (address & 0xFFF) == 0)
            {
                if (!Translate(partition, vmcb, address, out ulong physical)) return i;
                source = HostOf(partition, physical);
                if (source == null) return i;
            }
            bytes[i] = *source++;
        }
        return count;
    }
}
