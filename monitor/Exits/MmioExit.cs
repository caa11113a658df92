using System;
using Osv.Monitor.Hardware;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Exits;

/// <summary>A nested page fault at a page that is emulated: a tenant's I/O APIC, the MSI-X table of a function.</summary>
public static unsafe class MmioExit
{
    /// <summary>EXITINFO1 (APM vol. 2, 15.25.6): instruction fetch; the fault is at the final address, not in a table walk.</summary>
    private const ulong Fetch = 1 << 4, FinalAddress = 1UL << 32;

    /// <summary>False when the access is not one to be emulated; nothing has changed then.</summary>
    public static bool Handle(CoreBlock* core, Vmcb* vmcb, int partition)
    {
        ulong offset = unchecked(vmcb->ExitInfo2 - IoApic.Address);
        bool ioApic = partition != Machine.Management && offset < IoApic.Bytes;
        int function = GuestPci.FindTable(partition, vmcb->ExitInfo2);
        if (!ioApic && function < 0) return false;
        if ((vmcb->ExitInfo1 & (Fetch | FinalAddress)) != FinalAddress) return false;

        byte* bytes = stackalloc byte[MmioInstruction.MaxLength];
        int count = GuestMemory.Fetch(partition, vmcb, vmcb->Rip, bytes, MmioInstruction.MaxLength);
        if (!MmioInstruction.Decode(new ReadOnlySpan<byte>(bytes, count), out MmioInstruction instruction)) return false;

        ulong* register = CoreBlock.Register(core, instruction.Register);
        uint value = instruction.HasImmediate ? instruction.Immediate : (uint)(*register & 0xFFFF_FFFF);
        if (ioApic && instruction.IsWrite) GuestDevices.WriteIoApic(partition, (uint)offset, value);
        else if (ioApic) *register = GuestDevices.ReadIoApic(partition, (uint)offset);
        else AccessTable(function, vmcb->ExitInfo2, instruction.IsWrite, value, register);
        vmcb->Rip = unchecked(vmcb->Rip + (uint)instruction.Length);
        return true;
    }

    private static void AccessTable(int function, ulong guest, bool isWrite, uint value, ulong* register)
    {
        TicketLock.Enter(Node.Lock);
        if (isWrite) GuestPci.WriteTable(function, guest, value);
        else *register = GuestPci.ReadTable(function, guest);
        TicketLock.Leave(Node.Lock);
    }
}
