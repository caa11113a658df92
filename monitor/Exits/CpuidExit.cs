using Osv.Monitor.Hardware;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Exits;

/// <summary>CPUID, intercepted in the boot phase only.</summary>
public static unsafe class CpuidExit
{
    private const ulong OsXsave = 1 << 18, ProtectionKeys = 1 << 22;

    public static void Handle(CoreBlock* core, Vmcb* vmcb)
    {
        // User space runs: the kernel is up on this core, and its boot phase is over.
        if (vmcb->Cpl == 3)
        {
            vmcb->Intercept1 &= ~Intercepts.Cpuid;
            core->Shared->RunPhase = 1;
            return;
        }
        CpuidRegisters real;
        uint leaf = (uint)(vmcb->Rax & 0xFFFF_FFFF);
        uint subleaf = (uint)(core->Rcx & 0xFFFF_FFFF);
        Cpu.Cpuid(leaf, subleaf, (uint*)&real);
        CpuidRegisters shown = CpuidPolicy.Filter(leaf, subleaf, (vmcb->Cr4 & OsXsave) != 0, (vmcb->Cr4 & ProtectionKeys) != 0, HasWideIds(Node.Cores[core->Index].Partition), real);
        vmcb->Rax = shown.Eax;
        core->Rbx = shown.Ebx;
        core->Rcx = shown.Ecx;
        core->Rdx = shown.Edx;
        ExitHandler.Advance(core, vmcb, 2);
    }

    private static bool HasWideIds(ushort partition)
    {
        for (int i = 0; i < Node.CoreCount; i++)
            if (Node.Cores[i].Partition == partition && Node.Cores[i].ApicId > CpuidPolicy.LastPlainApicId) return true;
        return false;
    }
}
