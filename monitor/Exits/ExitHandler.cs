using System.Runtime;
using Osv.Contracts.ControlDevice;
using Osv.Monitor.Hardware;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Exits;

/// <summary>Where every exit arrives. Runs with interrupts and NMIs held back (GIF = 0).</summary>
public static unsafe class ExitHandler
{
    [RuntimeExport("monitor_exit")]
    public static void OnExit(CoreBlock* core)
    {
        Vmcb* vmcb = CoreBlock.VmcbOf(core);
        ulong code = vmcb->ExitCode;
        if (code == ExitCode.Msr && vmcb->ExitInfo1 == 1 && unchecked((uint)core->Rcx) == MsrPolicy.Icr)
        {
            // The fast path: nearly every exit of the run phase.
            ulong value = (core->Rdx << 32) | (vmcb->Rax & 0xFFFF_FFFF);
            vmcb->Rip = vmcb->NextRip != 0 ? vmcb->NextRip : unchecked(vmcb->Rip + 2);
            vmcb->InterruptShadow = 0;
            vmcb->TlbControl = 0;
            Count(core, ExitCounter.Icr);
            if (SendToOwn(core, value)) return;
            Cpu.Store32(&core->InGuest, 0);
            MsrExit.WriteIcr(core, value);
        }
        else
        {
            Cpu.Store32(&core->InGuest, 0);
            // Dispatch jumps through tables, which a guest could have taught the branch predictor to mispredict.
            if (Node.HasPredictionBarrier) Cpu.PredictionBarrier();
            Dispatch(core, vmcb, code);
        }
        CoreLoop.Settle(core);
    }

    /// <summary>
    /// To the instruction after the intercepted one, which has so many bytes and perhaps prefixes: where the processor does
    /// not say where it ends, they are counted in the guest's memory.
    /// </summary>
    public static void Advance(CoreBlock* core, Vmcb* vmcb, uint bytes) => vmcb->Rip = vmcb->NextRip != 0
        ? vmcb->NextRip
        : unchecked(vmcb->Rip + bytes + GuestMemory.Prefixes(Node.Cores[core->Index].Partition, vmcb));

    private static bool SendToOwn(CoreBlock* core, ulong value)
    {
        if (!IcrPolicy.IsPlainFixed(value)) return false;
        uint id = (uint)(value >> 32);
        if (id >= Node.ApicIdLimit) return false;
        // The mask keeps a mispredicted check from reading, and so telling of, memory at an offset of the guest's choice.
        ushort target = Node.CoreByApicId[id & (Node.ApicIdLimit - 1)];
        if (target == Machine.Nobody || !IcrPolicy.MayReach(in Node.Cores[core->Index], in Node.Cores[target])) return false;
        LocalApic.SendFixed(id, (byte)(value & 0xFF));
        return true;
    }

    private static void Dispatch(CoreBlock* core, Vmcb* vmcb, ulong code)
    {
        // An NMI or SMI comes between instructions: it does not end the shadow of the one before, or STI; HLT would miss its wake-up.
        // Nor does an IRET that is still to be executed.
        if (code is not (ExitCode.Nmi or ExitCode.Smi or ExitCode.Iret)) vmcb->InterruptShadow = 0;
        switch (code)
        {
            case ExitCode.Msr:
                MsrExit.Handle(core, vmcb);
                break;
            case ExitCode.Io:
                PortExit.Handle(core, vmcb);
                break;
            case ExitCode.Cpuid:
                Count(core, ExitCounter.Cpuid);
                CpuidExit.Handle(core, vmcb);
                break;
            case ExitCode.Nmi or ExitCode.Smi:
                // The firmware's SMI is taken as soon as GIF is set, and with it an NMI that waits: that must not be missed.
                Count(core, code == ExitCode.Nmi ? ExitCounter.Nmi : ExitCounter.Other);
                Cpu.TakePending();
                Cpu.Exchange32(&core->Kicked, 1);
                ManagementWatch.Look(core);
                break;
            case ExitCode.Iret:
                Count(core, ExitCounter.NmiReturn);
                NmiWindow.OnIret(core, vmcb);
                Cpu.Exchange32(&core->Kicked, 1);
                break;
            case ExitCode.NestedPageFault:
                if (MmioExit.Handle(core, vmcb, Node.Cores[core->Index].Partition))
                {
                    Count(core, ExitCounter.IoApic);
                    break;
                }
                Count(core, ExitCounter.Npf);
                Stop(core, EventKind.Violation, StopCause.MemoryViolation);
                break;
            case ExitCode.Shutdown:
                Count(core, ExitCounter.Shutdown);
                Stop(core, EventKind.Failed, StopCause.TripleFault);
                break;
            case ExitCode.Invalid:
                Count(core, ExitCounter.Other);
                Stop(core, EventKind.Violation, StopCause.InvalidGuestState);
                break;
            case ExitCode.Debug when NmiWindow.OnDebug(core, vmcb):
                Count(core, ExitCounter.NmiReturn);
                Cpu.Exchange32(&core->Kicked, 1);
                break;
            case >= ExitCode.ExceptionFirst and <= ExitCode.ExceptionLast:
                Count(core, ExitCounter.Exception);
                Cpu.Exchange32(&core->Kicked, 1);
                InstructionExit.Reinject(vmcb, (uint)(code - ExitCode.ExceptionFirst));
                break;
            case ExitCode.Invd or ExitCode.Wbinvd:
                // Nothing to write back: all partition memory is write-back and coherent.
                Count(core, ExitCounter.Instruction);
                if (vmcb->Cpl != 0) vmcb->EventInjection = Intercepts.InjectProtection;
                else Advance(core, vmcb, 2);
                break;
            case ExitCode.Xsetbv:
                Count(core, ExitCounter.Instruction);
                InstructionExit.WriteXcr(core, vmcb);
                break;
            case ExitCode.Invlpga or (>= ExitCode.Vmrun and <= ExitCode.Skinit):
                Count(core, ExitCounter.Instruction);
                vmcb->EventInjection = Intercepts.InjectUndefined;
                break;
            default:
                Count(core, ExitCounter.Other);
                Stop(core, EventKind.Violation, StopCause.Violation);
                break;
        }
    }

    /// <summary>The shared counter is plain memory that partition 0 can write over: what is read from it may be any number.</summary>
    public static void Count(CoreBlock* core, ExitCounter reason) =>
        core->Shared->Exits[(int)reason] = unchecked(core->Shared->Exits[(int)reason] + 1);

    public static void Stop(CoreBlock* core, EventKind kind, StopCause cause)
    {
        int partition = Node.Cores[core->Index].Partition;
        TicketLock.Enter(Node.Lock);
        // Once a start, however many cores end it at once: no guest may fill the event ring.
        if (Lifecycle.Stop<RingZero>(Node.Machine, partition, cause) && kind != EventKind.None) RingZero.Report(kind, cause, partition, core->Index);
        RingZero.Publish(partition);
        TicketLock.Leave(Node.Lock);
        if (partition == Machine.Management) LogEnd(cause, CoreBlock.VmcbOf(core));
    }

    /// <summary>Why partition 0 stops, for whoever reads the node's serial port.</summary>
    public static void LogEnd(StopCause cause, Vmcb* vmcb)
    {
        Log.Number("osv-monitor: management stops, cause "u8, (uint)cause);
        Log.Value(" exit "u8, vmcb->ExitCode);
        Log.Value(" info "u8, vmcb->ExitInfo1);
        Log.Value(" "u8, vmcb->ExitInfo2);
        Log.Value(" rip "u8, vmcb->Rip);
        Log.Line();
    }
}
