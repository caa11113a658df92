using Osv.Contracts.ControlDevice;
using Osv.Monitor.Hardware;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Exits;

/// <summary>Register states in which a guest core begins, and what is wiped when it ends.</summary>
public static unsafe class GuestState
{
    private const ulong Svme = 1 << 12, LongMode = 0x500;
    private const uint SystemCallFirst = 0xC000_0081, SystemCallLast = 0xC000_0084, FsBase = 0xC000_0100, TscAux = 0xC000_0103;
    private const uint SpeculationControl = 0x48;

    private static Vmcb* Prepare(CoreBlock* core)
    {
        int partition = Node.Cores[core->Index].Partition;
        Vmcb* vmcb = CoreBlock.VmcbOf(core);
        ResetLocalApic();
        CacheWays.Allot(core->Index);
        Cpu.Clear(vmcb, 0x1000);
        CoreBlock.ClearRegisters(core);
        vmcb->InterceptExceptions = Intercepts.Exceptions;
        vmcb->Intercept1 = Intercepts.Misc1;
        vmcb->Intercept2 = Intercepts.Misc2;
        vmcb->IoPermissions = partition == Machine.Management ? Node.ManagementIoPermissions : Node.TenantIoPermissions;
        vmcb->MsrPermissions = Node.MsrPermissions;
        // Every partition its own where there are enough; a core that changes partitions flushes all of them.
        vmcb->Asid = 1 + (uint)partition % (Node.AsidLimit - 1);
        vmcb->NestedPaging = 1;
        vmcb->NestedCr3 = (ulong)Node.NestedRoots[partition];
        vmcb->GuestPat = 0x0007_0406_0007_0406;
        vmcb->Dr6 = 0xFFFF_0FF0;
        vmcb->Dr7 = 0x400;
        vmcb->Rflags = 2;
        vmcb->Ldtr = new Segment(0, 0x82, 0xFFFF, 0);
        vmcb->Tr = new Segment(0, 0x8B, 0xFFFF, 0);
        vmcb->Idtr = new Segment(0, 0, 0xFFFF, 0);
        vmcb->Fs = vmcb->Gs = new Segment(0, 0x93, 0xFFFF, 0);
        core->Shared->RunPhase = 0;
        core->NmiPhase = 0;
        // Anything but the current generation: the first entry flushes.
        core->FlushedTo = unchecked(Node.Generations[partition] - 1);
        return vmcb;
    }

    /// <summary>64-bit mode as the Linux boot protocol wants it, from the partition's entry state.</summary>
    public static void SetEntry(CoreBlock* core, in EntryState entry)
    {
        Vmcb* vmcb = Prepare(core);
        vmcb->Cr0 = 0x8000_0033;
        vmcb->Cr3 = entry.Cr3;
        vmcb->Cr4 = 0x20;
        vmcb->Efer = LongMode | Svme;
        vmcb->Rip = entry.Rip;
        core->Rsi = entry.Rsi;
        vmcb->Cs = new Segment(entry.CodeSelector, 0xA9B, 0xFFFF_FFFF, 0);
        vmcb->Ds = vmcb->Es = vmcb->Ss = new Segment(entry.DataSelector, 0xC93, 0xFFFF_FFFF, 0);
        vmcb->Gdtr = new Segment(0, 0, entry.GdtLimit, entry.GdtBase);
        Cpu.VmLoad((ulong)vmcb);
    }

    /// <summary>Real mode after INIT and SIPI (APM vol. 2, 14.1.3 and 16.5).</summary>
    public static void SetRealMode(CoreBlock* core, byte vector)
    {
        Vmcb* vmcb = Prepare(core);
        vmcb->Cr0 = 0x10;
        vmcb->Efer = Svme;
        vmcb->Cs = new Segment((ushort)(vector << 8), 0x9B, 0xFFFF, (ulong)vector << 12);
        vmcb->Ds = vmcb->Es = vmcb->Ss = new Segment(0, 0x93, 0xFFFF, 0);
        vmcb->Gdtr = new Segment(0, 0, 0xFFFF, 0);
        Cpu.VmLoad((ulong)vmcb);
    }

    /// <summary>Whatever the guest left in this core, gone: VMCB, general, x87, SSE, AVX, debug, system-call registers, APIC.</summary>
    public static void Scrub(CoreBlock* core)
    {
        Vmcb* vmcb = CoreBlock.VmcbOf(core);
        Cpu.Clear(vmcb, 0x1000);
        CoreBlock.ClearRegisters(core);
        vmcb->Ldtr = new Segment(0, 0x82, 0xFFFF, 0);
        vmcb->Tr = new Segment(0, 0x8B, 0xFFFF, 0);
        Cpu.VmLoad((ulong)vmcb);
        for (uint msr = SystemCallFirst; msr <= SystemCallLast; msr++) Cpu.WriteMsr(msr, 0);
        for (uint msr = FsBase; msr < TscAux; msr++) Cpu.WriteMsr(msr, 0);
        if (Node.HasTscAux) Cpu.WriteMsr(TscAux, 0);
        if (Node.HasSpeculationControl) Cpu.WriteMsr(SpeculationControl, 0);
        // What the last owner taught the branch predictor is not for the next one.
        if (Node.HasPredictionBarrier) Cpu.PredictionBarrier();
        Cpu.ResetRegisters(Node.InitialState, 1, Node.ExtendedFeatures);
        ResetLocalApic();
    }

    /// <summary>
    /// At entry as well as at the end: while a partition stops, a core of it that is still running can send an interrupt
    /// to one that has been scrubbed already. By the next entry all of them have left, and whatever came is dropped.
    /// </summary>
    private static void ResetLocalApic()
    {
        LocalApic.Quiet();
        Startup.Processors.UseIdt(drain: true);
        LocalApic.Drain();
        Startup.Processors.UseIdt(drain: false);
    }
}
