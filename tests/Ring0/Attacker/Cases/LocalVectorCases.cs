namespace Osv.Ring0.Attacker.Cases;

/// <summary>
/// Local vector table: all delivery modes in all entries, and the timer in all its modes. SMI, INIT and ExtINT would act on
/// the whole machine, so they must not be found in a register afterwards unless masked.
/// </summary>
public static unsafe class LocalVectorCases
{
    private const uint First = 0x832, Last = 0x837, Masked = 1 << 16;
    private const int Vector = 0x52;

    public static void Run()
    {
        for (uint msr = First; msr <= Last; msr++)
        {
            for (uint mode = 0; mode < 8; mode++)
            {
                Entry(msr, mode, 0);
                Entry(msr, mode, 0xA000);
            }
            AllBits(msr);
        }
        for (uint mode = 0; mode < 4; mode++) Timer(mode);
        for (uint vector = 0; vector < 16; vector++)
            if (!HasErrorCode(vector)) TimerVector(vector);
        SelfIpi();
    }

    /// <summary>Gates that expect an error code, which an interrupt does not bring: Endings leaves these pending instead.</summary>
    private static bool HasErrorCode(uint vector) => vector is 8 or (>= 10 and <= 14) or 17 or 21 or 29 or 30;

    private static void Entry(uint msr, uint mode, uint trigger)
    {
        Case.Name("lvt"u8);
        Case.AndHex(msr);
        Case.And("mode"u8);
        Case.AndHex(mode);
        Case.AndHex(trigger);
        CoreState.Clear(Symbols.State(0));
        uint fault = Probe.WriteMsr(msr, trigger | (mode << 8) | Vector);
        ulong held = Cpu.ReadMsr(msr);
        Interrupts.Settle(20);
        Probe.WriteMsr(msr, Masked);
        ulong seen = CoreState.Others(Symbols.State(0), -1);
        ulong heldMode = held >> 8 & 7;
        // The timer's entry has no delivery mode: its bits 10:8 are ignored or refused by the processor.
        bool harmless = msr == First || heldMode is 0 or 4 || (held & Masked) != 0;
        Case.Verdict(harmless && seen == 0, "#GP, harmless or masked"u8, held, fault);
    }

    private static void AllBits(uint msr)
    {
        Case.Name("lvt"u8);
        Case.AndHex(msr);
        Case.And("all-bits"u8);
        Probe.WriteMsr(msr, 0xFFFF_FFFF_FFFF_FFFF);
        ulong held = Cpu.ReadMsr(msr);
        Probe.WriteMsr(msr, 0xFFFF_FFFF_FFFE_FFFF);
        ulong open = Cpu.ReadMsr(msr);
        Probe.WriteMsr(msr, Masked);
        bool harmless = msr == First || (open >> 8 & 7) is 0 or 4 || (open & Masked) != 0;
        Case.Verdict((held & Masked) != 0 && harmless, "#GP, harmless or masked"u8, held, open);
    }

    /// <summary>One-shot, periodic, deadline, reserved: nothing but the vector asked for may come.</summary>
    private static void Timer(uint mode)
    {
        Case.Name("lvt-timer-mode"u8);
        Case.AndHex(mode);
        CoreState.Clear(Symbols.State(0));
        uint fault = Probe.WriteMsr(First, (mode << 17) | Vector);
        Probe.WriteMsr(Interrupts.Divide, 0xB);
        Probe.WriteMsr(Interrupts.InitialCount, Interrupts.Millisecond);
        Interrupts.Settle(5000);
        Probe.WriteMsr(Interrupts.InitialCount, 0);
        Probe.WriteMsr(First, Masked);
        Interrupts.Settle();
        ulong others = CoreState.Others(Symbols.State(0), Vector);
        Case.Verdict(others == 0, "nothing but its own vector"u8, others, fault);
    }

    /// <summary>Vectors that belong to exceptions: at most this core sees them.</summary>
    private static void TimerVector(uint vector)
    {
        Case.Name("lvt-timer-vector"u8);
        Case.AndHex(vector);
        CoreState.Clear(Symbols.State(0));
        uint fault = Probe.WriteMsr(First, vector);
        Probe.WriteMsr(Interrupts.InitialCount, 100);
        Interrupts.Settle(500);
        Probe.WriteMsr(Interrupts.InitialCount, 0);
        Probe.WriteMsr(First, Masked);
        Interrupts.Settle();
        ulong others = CoreState.Others(Symbols.State(0), (int)vector);
        Case.Verdict(others == 0, "nothing but its own vector"u8, others, fault);
    }

    private static void SelfIpi()
    {
        for (uint vector = 0; vector < 256; vector += vector < 32 ? 1u : 16)
        {
            if (HasErrorCode(vector) || vector == Probe.UserReturn) continue;
            Case.Name("self-ipi"u8);
            Case.AndHex(vector);
            CoreState.Clear(Symbols.State(0));
            uint fault = Probe.WriteMsr(Interrupts.SelfIpi, vector);
            Interrupts.Settle(20);
            ulong seen = CoreState.Count(Symbols.State(0), (int)vector), others = CoreState.Others(Symbols.State(0), (int)vector);
            Case.Verdict(others == 0 && (vector < 16 || seen == 1), vector < 16 ? "at most here"u8 : "once, here"u8, seen, fault);
        }
        Case.Name("self-ipi-all-bits"u8);
        CoreState.Clear(Symbols.State(0));
        Probe.WriteMsr(Interrupts.SelfIpi, 0xFFFF_FFFF_FFFF_FF53);
        Interrupts.Settle(20);
        ulong strays = CoreState.Others(Symbols.State(0), 0x53);
        Case.Verdict(strays == 0, "#GP or its own vector"u8, strays);
    }
}
