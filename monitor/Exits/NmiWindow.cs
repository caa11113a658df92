using Osv.Monitor.Hardware;

namespace Osv.Monitor.Exits;

/// <summary>
/// When a guest may take an NMI: not from the injection of one until the next IRET has been executed (APM vol. 2, 8.2.3 and
/// 15.20). The IRET is intercepted; when another NMI waits behind it, it is stepped over with the trap flag, which it replaces
/// by what it finds on the stack.
/// </summary>
public static unsafe class NmiWindow
{
    private const uint Open = 0, InHandler = 1, Returning = 2, Stepping = 3;
    private const ulong Valid = 1UL << 31, TrapFlag = 1 << 8, SingleStep = 1 << 14;

    /// <summary>Looks whether the IRET has been executed. An NMI may be injected then, unless something else is first.</summary>
    public static void Update(CoreBlock* core, Vmcb* vmcb, out bool mayInject)
    {
        if (core->NmiPhase == Returning && vmcb->Rip != core->IretRip) core->NmiPhase = Open;
        mayInject = core->NmiPhase == Open && (vmcb->EventInjection & Valid) == 0;
    }

    public static void Inject(CoreBlock* core, Vmcb* vmcb)
    {
        vmcb->EventInjection = Intercepts.InjectNmi;
        vmcb->Intercept1 |= Intercepts.Iret;
        core->NmiPhase = InHandler;
    }

    /// <summary>An NMI waits: sees to it that the core leaves its guest as soon as it may take it.</summary>
    public static void Await(CoreBlock* core, Vmcb* vmcb)
    {
        // The processor delivers what is to be injected before it looks at this.
        if (core->NmiPhase == Open) LocalApic.SendNmi(core->ApicId);
        if (core->NmiPhase != Returning || (vmcb->Rflags & TrapFlag) != 0) return;
        vmcb->Rflags |= TrapFlag;
        core->NmiPhase = Stepping;
    }

    /// <summary>An IRET is about to be executed.</summary>
    public static void OnIret(CoreBlock* core, Vmcb* vmcb)
    {
        vmcb->Intercept1 &= ~Intercepts.Iret;
        core->IretRip = vmcb->Rip;
        core->NmiPhase = Returning;
    }

    /// <summary>A debug exception: true when it is the end of a step of ours.</summary>
    public static bool OnDebug(CoreBlock* core, Vmcb* vmcb)
    {
        if (core->NmiPhase != Stepping) return false;
        vmcb->Dr6 &= ~SingleStep;
        core->NmiPhase = Open;
        return true;
    }
}
