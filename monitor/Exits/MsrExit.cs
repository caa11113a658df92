using Osv.Contracts.ControlDevice;
using Osv.Monitor.Hardware;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Exits;

/// <summary>RDMSR and WRMSR of registers that are not open.</summary>
public static unsafe class MsrExit
{
    private const ulong BootProcessor = 1 << 8, ApicEnabled = 0xC00, Paging = 1UL << 31, Svme = 1 << 12;

    public static void Handle(CoreBlock* core, Vmcb* vmcb)
    {
        ExitHandler.Count(core, ExitCounter.Msr);
        uint msr = (uint)(core->Rcx & 0xFFFF_FFFF);
        bool done = vmcb->ExitInfo1 == 0 ? Read(core, vmcb, msr) : Write(core, vmcb, msr);
        if (done) ExitHandler.Advance(core, vmcb, 2);
        else vmcb->EventInjection = Intercepts.InjectProtection;
    }

    private static bool Read(CoreBlock* core, Vmcb* vmcb, uint msr)
    {
        MsrVerdict verdict = MsrPolicy.Read(msr, out ulong value);
        if (verdict == MsrVerdict.Fault) return false;
        bool boots = Node.Partitions[Node.Cores[core->Index].Partition].BootCore == core->Index;
        if (verdict == MsrVerdict.ApicBase) value = 0xFEE0_0000 | ApicEnabled | (boots ? BootProcessor : 0);
        if (verdict == MsrVerdict.Efer) value = vmcb->Efer & ~Svme;
        vmcb->Rax = value & 0xFFFF_FFFF;
        core->Rdx = value >> 32;
        return true;
    }

    private static bool Write(CoreBlock* core, Vmcb* vmcb, uint msr)
    {
        ulong value = (core->Rdx << 32) | (vmcb->Rax & 0xFFFF_FFFF);
        switch (MsrPolicy.Write(msr))
        {
            case MsrVerdict.Value: return true;
            // The mode never changes: x2APIC from start to end.
            case MsrVerdict.ApicBase: return (value & ApicEnabled) == ApicEnabled;
            case MsrVerdict.Efer:
                if (!MsrPolicy.GuestEfer(vmcb->Efer, value, (vmcb->Cr0 & Paging) != 0, out ulong efer)) return false;
                vmcb->Efer = efer;
                return true;
            case MsrVerdict.LocalVector:
                Cpu.WriteMsr(msr, MsrPolicy.GuestLocalVector(msr, value));
                return true;
            default: return false;
        }
    }

    /// <summary>The slow path of the IPI filter: anything but a fixed interrupt to one running core of the partition.</summary>
    public static void WriteIcr(CoreBlock* core, ulong value)
    {
        TicketLock.Enter(Node.Lock);
        bool sent = IcrPolicy.Write<RingZero>(Node.Machine, core->Index, value);
        TicketLock.Leave(Node.Lock);
        if (!sent) ExitHandler.Count(core, ExitCounter.IcrDropped);
    }
}
