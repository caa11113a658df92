namespace Osv.Ring0.Attacker;

/// <summary>
/// A neighbour that works and watches: a checksum over its memory, a timer, and counters of all that should not come.
/// </summary>
public static unsafe class Victim
{
    private const int TimerVector = 0x40;
    private const ulong DataStart = 8UL << 20, DataBytes = 4UL << 20;
    private const uint Hertz = 20;

    private static ulong s_rounds, s_bad, s_gap, s_away, s_since;

    public static void Run()
    {
        Fill();
        ulong expected = Sum();
        CoreState* state = Symbols.State(0);
        uint count = MeasureTimer();
        Cpu.WriteMsr(Interrupts.TimerVector, 0x2_0000 | TimerVector);
        Cpu.WriteMsr(Interrupts.InitialCount, count);
        Start(state);
        Serial.Text("VICTIM READY\n"u8);
        Cpu.OpenInterrupts();
        while (true)
        {
            if (Sum() != expected) s_bad++;
            s_rounds++;
            if (!Serial.HasInput) continue;
            Cpu.CloseInterrupts();
            if (Serial.Take() == (byte)'r') Report(state);
            Start(state);
            Cpu.OpenInterrupts();
        }
    }

    private static void Start(CoreState* state)
    {
        CoreState.Clear(state);
        s_rounds = s_bad = s_gap = s_away = 0;
        s_since = Cpu.TimeStamp();
    }

    /// <summary>Timer counts (divided by 1) in a period, by the time-stamp counter.</summary>
    private static uint MeasureTimer()
    {
        Cpu.WriteMsr(Interrupts.Divide, 0xB);
        Cpu.WriteMsr(Interrupts.TimerVector, 0x1_0000 | TimerVector);
        Cpu.WriteMsr(Interrupts.InitialCount, 0xFFFF_FFFF);
        ulong start = Cpu.TimeStamp();
        Interrupts.Wait(20_000);
        ulong counted = 0xFFFF_FFFF - Cpu.ReadMsr(Interrupts.CurrentCount), passed = Cpu.TimeStamp() - start;
        return (uint)(counted * (Interrupts.Parameters->TscKilohertz * 1000 / Hertz) / passed);
    }

    private static void Fill()
    {
        ulong value = 0x9E37_79B9_7F4A_7C15;
        for (ulong at = 0; at < DataBytes; at += 8)
        {
            value = value * 6364136223846793005 + 1442695040888963407;
            *(ulong*)(DataStart + at) = value;
        }
    }

    /// <summary>
    /// Also notes the longest time between two looks at the time-stamp counter, and how long the core was away altogether,
    /// counting only what is longer than a tick: an emulated core is a thread that may have to wait for a processor.
    /// </summary>
    private static ulong Sum()
    {
        ulong sum = 0xCBF2_9CE4_8422_2325, last = Cpu.TimeStamp();
        for (ulong at = 0; at < DataBytes; at += 8)
        {
            sum = (sum ^ *(ulong*)(DataStart + at)) * 0x100_0000_01B3;
            if ((at & 0xFFF) != 0) continue;
            ulong now = Cpu.TimeStamp();
            if (now - last > s_gap) s_gap = now - last;
            if (now - last > Interrupts.Parameters->TscKilohertz * 1000 / Hertz) s_away += now - last;
            last = now;
        }
        return sum;
    }

    private static void Report(CoreState* state)
    {
        ulong kilohertz = Interrupts.Parameters->TscKilohertz;
        Serial.Text("VICTIM"u8);
        Say(" milliseconds="u8, (Cpu.TimeStamp() - s_since) / kilohertz);
        Say(" away="u8, s_away / kilohertz);
        Say(" ticks="u8, CoreState.Count(state, TimerVector));
        Say(" hertz="u8, Hertz);
        Say(" rounds="u8, s_rounds);
        Say(" corrupt="u8, s_bad);
        Say(" nmi="u8, CoreState.Count(state, 2));
        Say(" unexpected="u8, CoreState.Others(state, TimerVector) - CoreState.Count(state, 2));
        Say(" gap-us="u8, s_gap * 1000 / kilohertz);
        Serial.Line();
    }

    private static void Say(System.ReadOnlySpan<byte> name, ulong value)
    {
        Serial.Text(name);
        Serial.Number(value);
    }
}
