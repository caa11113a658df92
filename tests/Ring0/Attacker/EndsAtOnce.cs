namespace Osv.Ring0.Attacker;

/// <summary>Two cores that end their partition at the same moment, each in its way: the monitor must see one end.</summary>
public static unsafe class EndsAtOnce
{
    private const ulong Hole = 0xC000_0000;

    /// <summary>Cores that have arrived: each sets its own, and both wait for the other's.</summary>
    private static uint* Here => (uint*)0x5000;
    private static uint* There => (uint*)0x5004;

    public static void Run(uint ends)
    {
        Cpu.Store32(Here, 0);
        Cpu.Store32(There, 0);
        Interrupts.PrepareSecond(halt: false);
        Interrupts.StartSecond();
        while (Cpu.Load32(There) == 0) Cpu.Pause();
        Serial.Text("ENDS READY\n"u8);
        Cpu.Store32(Here, 1);
        Carry((WayOut)(ends & 0xFF));
    }

    public static void RunSecond()
    {
        Cpu.Store32(There, 1);
        while (Cpu.Load32(Here) == 0) { }
        Carry((WayOut)(Interrupts.Parameters->Argument >> 8));
    }

    private static void Carry(WayOut end)
    {
        switch (end)
        {
            case WayOut.Reset: Cpu.Out8(0xCF9, 6); break;
            case WayOut.PowerOff: Cpu.Out8(0x604, 0x34); break;
            case WayOut.TripleFault:
                Interrupts.LoadIdt(0, 0);
                Cpu.FaultNow();
                break;
            case WayOut.Violation: Cpu.Load32((void*)Hole); break;
            case WayOut.Init:
                Interrupts.Send(0xFFFF_FFFFUL << 32 | 0x4500);
                break;
        }
        Cpu.Halt();
    }
}
