using System;
using Osv.Monitor.Hardware;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Exits;

/// <summary>A nested page fault at the one page that is emulated, a tenant's I/O APIC.</summary>
public static unsafe class MmioExit
{
    /// <summary>EXITINFO1 (APM vol. 2, 15.25.6): instruction fetch; the fault is at the final address, not in a table walk.</summary>
    private const ulong Fetch = 1 << 4, FinalAddress = 1UL << 32;

    /// <summary>False when the access is not one to be emulated; nothing has changed then.</summary>
    public static bool Handle(CoreBlock* core, Vmcb* vmcb, int partition)
    {
        ulong offset = unchecked(vmcb->ExitInfo2 - IoApic.Address);
        if (partition == Machine.Management || offset >= IoApic.Bytes) return false;
        if ((vmcb->ExitInfo1 & (Fetch | FinalAddress)) != FinalAddress) return false;

        byte* bytes = stackalloc byte[MmioInstruction.MaxLength];
        int count = GuestMemory.Fetch(partition, vmcb, vmcb->Rip, bytes, MmioInstruction.MaxLength);
        if (!MmioInstruction.Decode(new ReadOnlySpan<byte>(bytes, count), out MmioInstruction instruction)) return false;

        ulong* register = CoreBlock.Register(core, instruction.Register);
        if (!instruction.IsWrite) *register = GuestDevices.ReadIoApic(partition, (uint)offset);
        else GuestDevices.WriteIoApic(partition, (uint)offset, instruction.HasImmediate ? instruction.Immediate : (uint)(*register & 0xFFFF_FFFF));
        vmcb->Rip = unchecked(vmcb->Rip + (uint)instruction.Length);
        return true;
    }
}
