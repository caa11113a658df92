namespace Osv.Ring0.Attacker;

/// <summary>Two cores of one partition that keep the monitor as busy as they can.</summary>
public static unsafe class Storms
{
    private const int Vector = 0x56, TimerInterrupt = 0x57;
    private const uint NmiRounds = 2_000, InitRounds = 100, ExitRounds = 60_000, BroadcastRounds = 6_000, ShadowRounds = 200, RewrittenRounds = 20_000, TimerRounds = 20_000;
    private const uint ClosedMsr = 0xC001_0020;
    private const ulong IoApic = 0xFEC0_0000;
    /// <summary>Opcodes of MOV to and from memory, and of XCHG, which the monitor does not emulate.</summary>
    private const byte Store = 0x89, Load = 0x8B, Exchange = 0x87;
    private const ulong ToAll = 0x8_4000, ToOthers = 0xC_4000, ToSelf = 0x4_4000, NmiMode = 0x400;

    /// <summary>What the second core does, and that it has done it.</summary>
    private static uint* Order => (uint*)0x5000;
    private static uint* Done => (uint*)0x5004;

    private static Parameters* Parameters => Interrupts.Parameters;

    public static void Run(Storm storm)
    {
        Cpu.Store32(Order, (uint)storm);
        switch (storm)
        {
            case Storm.Nmi: Nmis(); break;
            case Storm.Init: Inits(); break;
            case Storm.Exits: Exits(); break;
            case Storm.Broadcast: Broadcasts(); break;
            case Storm.InterruptShadow: Shadow(); break;
            case Storm.NmiWithoutEnd:
                // In real mode, where it starts, the second core has no handler.
                Begin();
                WaitForSecond();
                Serial.Text("STORM READY\n"u8);
                while (true) Interrupts.Send(ToAll | NmiMode);
            case Storm.Parked:
                // The second core halts for good with interrupts off, as Linux takes one offline; this one works.
                Begin();
                Serial.Text("STORM READY\n"u8);
                Cpu.OpenInterrupts();
                while (true) Interrupts.Wait(1000);
            case Storm.Spinning:
                Cpu.WriteMsr(Interrupts.TimerVector, 0x57);
                Cpu.WriteMsr(Interrupts.InitialCount, Interrupts.Millisecond);
                Serial.Text("STORM READY\n"u8);
                while (true) Interrupts.Wait(1000);
            case Storm.Rewritten: Rewritten(); break;
            case Storm.RewrittenBeyond: RewrittenBeyond(); break;
            case Storm.Timers: Timers(); break;
            case Storm.Dead:
                Interrupts.PrepareSecond(halt: true);
                Interrupts.StartSecond();
                Interrupts.WaitForStarts(1);
                Serial.Text("STORM READY\n"u8);
                Cpu.Halt();
                break;
        }
    }

    public static void RunSecond()
    {
        Cpu.OpenInterrupts();
        switch ((Storm)Cpu.Load32(Order))
        {
            case Storm.Parked:
                Cpu.Halt();
                break;
            case Storm.Nmi:
                for (uint i = 0; i < NmiRounds; i++) Interrupts.Send(((ulong)Parameters->OwnId << 32) | 0x4000 | NmiMode);
                break;
            case Storm.Exits:
                CheapExits();
                break;
            case Storm.Broadcast:
                for (uint i = 0; i < BroadcastRounds; i++) Interrupts.Send(((i & 1) == 0 ? ToAll : ToOthers) | Vector);
                break;
            case Storm.Timers:
                ShortTimers();
                break;
            case Storm.Rewritten:
                while (Cpu.Load32(Done) == 0) Rewrite(Store, Load);
                break;
            case Storm.RewrittenBeyond:
                while (true) Rewrite(Store, Exchange);
            case Storm.NmiWithoutEnd:
                Cpu.Store32(Done, 1);
                while (true) Interrupts.Send(ToOthers | NmiMode);
        }
        Cpu.Store32(Done, 1);
        while (true) Cpu.WaitForInterrupt();
    }

    private static void Begin()
    {
        Cpu.Store32(Done, 0);
        Interrupts.PrepareSecond(halt: false);
        Interrupts.StartSecond();
        Case.Name("storm-second-core-starts"u8);
        Case.Verdict(Interrupts.WaitForStarts(1), "started"u8, Interrupts.StartsSeen);
    }

    private static bool WaitForSecond()
    {
        for (uint i = 0; i < 600_000 && Cpu.Load32(Done) == 0; i++) Interrupts.Wait(100);
        return Cpu.Load32(Done) != 0;
    }

    private static void Nmis()
    {
        Begin();
        CoreState* state = Symbols.State(0);
        ulong faults = 0, rounds = 0;
        for (; Cpu.Load32(Done) == 0; rounds++)
        {
            Interrupts.Send(ToSelf | NmiMode);
            if (Probe.ReadMsr(ClosedMsr, out _) == Probe.Protection) faults++;
        }
        Case.Name("storm-nmi-and-faults"u8);
        Case.Verdict(faults == rounds, "each fault arrives"u8, faults, rounds);
        Case.Name("storm-nmi-at-once"u8);
        Case.Verdict(state->NmiMost == 1, "one handler at a time"u8, state->NmiMost);
        Case.Name("storm-nmi"u8);
        Case.Verdict(CoreState.Count(state, 2) > 0 && CoreState.Others(state, 2) == 0, "NMIs here, nothing else"u8, CoreState.Count(state, 2), CoreState.Others(state, 2));
    }

    /// <summary>The second core is started and thrown back again; each start is a start.</summary>
    private static void Inits()
    {
        Interrupts.PrepareSecond(halt: true);
        uint i = 0;
        for (; i < InitRounds; i++)
        {
            for (uint k = 0; k < (i & 7); k++) Interrupts.Send(((ulong)Parameters->SecondId << 32) | 0x4500);
            Interrupts.StartSecond();
            if (!Interrupts.WaitForStarts(i + 1)) break;
        }
        Case.Name("storm-init"u8);
        Case.Verdict(i == InitRounds && Interrupts.StartsSeen == InitRounds, "each start is one start"u8, i, Interrupts.StartsSeen);
        // Without waiting: starts may be lost, the core may not.
        for (i = 0; i < InitRounds * 10; i++) Interrupts.StartSecond();
        Cpu.Store32(Order, (uint)Storm.Init);
        Begin();
        Case.Name("storm-init-after"u8);
        Case.Verdict(WaitForSecond(), "the core runs"u8);
    }

    private static void Exits()
    {
        Begin();
        CheapExits();
        Case.Name("storm-exits"u8);
        Case.Verdict(WaitForSecond() && CoreState.Others(Symbols.State(0), -1) == 0, "both cores done"u8, CoreState.Others(Symbols.State(0), -1));
    }

    private static void CheapExits()
    {
        for (uint i = 0; i < ExitRounds; i++)
        {
            Cpu.Out8(0x80, i);
            Cpu.ReadMsr(0xFE);
            Cpu.In8(0x61);
            Cpu.Load32((void*)0xFEC0_0000);
        }
    }

    private static void Broadcasts()
    {
        Begin();
        Cpu.OpenInterrupts();
        for (uint i = 0; i < BroadcastRounds; i++) Interrupts.Send(((i & 1) == 0 ? ToAll : ToOthers) | Vector);
        bool done = WaitForSecond();
        Cpu.CloseInterrupts();
        CoreState* first = Symbols.State(0), second = Symbols.State(1);
        Case.Name("storm-broadcast"u8);
        bool both = CoreState.Count(first, Vector) > 0 && CoreState.Count(second, Vector) > 0;
        Case.Verdict(done && both && CoreState.Others(first, Vector) == 0, "only their own, at both"u8, CoreState.Count(first, Vector), CoreState.Others(first, Vector));
    }

    private static void Timers()
    {
        Begin();
        ShortTimers();
        bool done = WaitForSecond();
        CoreState* first = Symbols.State(0), second = Symbols.State(1);
        Case.Name("storm-timers"u8);
        bool both = CoreState.Count(first, TimerInterrupt) > 0 && CoreState.Count(second, TimerInterrupt) > 0;
        bool alone = CoreState.Others(first, TimerInterrupt) == 0 && CoreState.Others(second, TimerInterrupt) == 0;
        Case.Verdict(done && both && alone, "each its own timer's"u8, CoreState.Count(first, TimerInterrupt), CoreState.Count(second, TimerInterrupt));
    }

    /// <summary>The vector is vetted by the monitor each time, the count is not its business.</summary>
    private static void ShortTimers()
    {
        Cpu.WriteMsr(Interrupts.Divide, 0xB);
        Cpu.OpenInterrupts();
        for (uint i = 0; i < TimerRounds; i++)
        {
            Cpu.WriteMsr(Interrupts.TimerVector, TimerInterrupt);
            Cpu.WriteMsr(Interrupts.InitialCount, 1 + (i & 63));
        }
        Interrupts.Wait(1000);
        Cpu.CloseInterrupts();
    }

    /// <summary>The instruction that left the guest need not be the one that the monitor fetches.</summary>
    private static void Rewritten()
    {
        PlaceAccess();
        Begin();
        ulong faults = 0;
        for (uint i = 0; i < RewrittenRounds; i++)
        {
            if (Access() != Probe.None) faults++;
        }
        Cpu.Store32(Done, 1);
        Case.Name("storm-rewritten"u8);
        Case.Verdict(faults == 0 && CoreState.Others(Symbols.State(0), -1) == 0, "a load or a store"u8, faults, CoreState.Others(Symbols.State(0), -1));
    }

    private static void RewrittenBeyond()
    {
        PlaceAccess();
        Begin();
        Serial.Text("STORM READY\n"u8);
        while (true) Access();
    }

    private static void PlaceAccess()
    {
        Symbols.ProbeCode[0] = Store;
        Symbols.ProbeCode[1] = 0x07;                    // [RDI], EAX
        Symbols.ProbeCode[2] = 0xC3;
    }

    /// <summary>Runs what stands at <see cref="Symbols.ProbeCode"/> at the window of the I/O APIC's version register.</summary>
    private static uint Access()
    {
        Cpu.Store32((void*)IoApic, 1);
        Registers registers = default;
        registers.Rdi = IoApic + 0x10;
        return Cpu.Probe(Symbols.ProbeCode, &registers, 0, 0);
    }

    private static void Rewrite(byte one, byte other)
    {
        Symbols.ProbeCode[0] = other;
        for (int i = 0; i < 50; i++) Cpu.Pause();
        Symbols.ProbeCode[0] = one;
        for (int i = 0; i < 50; i++) Cpu.Pause();
    }

    /// <summary>While partition 0 probes this core: an exit between STI and HLT must not let the interrupt in before HLT.</summary>
    private static void Shadow()
    {
        CoreState* state = Symbols.State(0);
        // Should one come too early all the same, this wakes the core from a HLT that nothing else ends.
        Cpu.WriteMsr(Interrupts.Divide, 0xB);
        Cpu.WriteMsr(Interrupts.TimerVector, 0x2_0057);
        Cpu.WriteMsr(Interrupts.InitialCount, 10_000_000);
        Serial.Text("STORM READY\n"u8);
        ulong rounds = 0;
        while (!Serial.HasInput)
        {
            Cpu.ShadowRounds(ShadowRounds);
            rounds += ShadowRounds;
        }
        Serial.Take();
        Case.Name("storm-interrupt-shadow"u8);
        Case.Verdict(state->Early == 0, "no interrupt before HLT"u8, state->Early, rounds);
    }
}
