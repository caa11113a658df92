using Osv.Monitor.Hardware;

namespace Osv.Monitor.Exits;

/// <summary>Single instructions and exceptions that are intercepted for safety's sake.</summary>
public static unsafe class InstructionExit
{
    private const uint AlignmentCheck = 17, MachineCheck = 18;

    /// <summary>Back to the guest whose fault it is. EVENTINJ: vector, type 3 (exception), error code where there is one.</summary>
    public static void Reinject(Vmcb* vmcb, uint vector)
    {
        if (vector == MachineCheck) Panic.Because("machine check"u8);
        vmcb->EventInjection = 0x8000_0300 | vector | (vector == AlignmentCheck ? 0x800ul : 0);
    }

    /// <summary>XSETBV: x87 always, AVX only with SSE, nothing the processor lacks (APM vol. 4, XSETBV).</summary>
    public static void WriteXcr(CoreBlock* core, Vmcb* vmcb)
    {
        ulong value = (core->Rdx << 32) | (vmcb->Rax & 0xFFFF_FFFF);
        bool legal = (core->Rcx & 0xFFFF_FFFF) == 0 && (value & 1) != 0 && (value & ~Node.ExtendedFeatures) == 0
            && ((value & 4) == 0 || (value & 2) != 0)
            && ((value & 0xE0) == 0 || (value & 0xE6) == 0xE6)
            && vmcb->Cpl == 0;
        if (!legal)
        {
            vmcb->EventInjection = Intercepts.InjectProtection;
            return;
        }
        Cpu.WriteXcr(0, value);
        ExitHandler.Advance(core, vmcb, 3);
    }
}
