namespace Osv.Monitor.Hardware;

/// <summary>
/// The alarm of the real-time clock (MC146818A data sheet), whose interrupt the node's I/O APIC sends to one core as an NMI.
/// No guest has either of them.
/// </summary>
public static unsafe class AlarmClock
{
    private const uint Index = 0x70, Data = 0x71;
    private const uint AlarmSeconds = 1, AlarmMinutes = 3, AlarmHours = 5, Control = 0xB, Flags = 0xC;
    private const byte Any = 0xC0, AllInterrupts = 0x70, AlarmInterrupt = 0x20;
    private const uint NmiMode = 0x400;
    private static bool s_runs;

    /// <summary>Each full minute, or each second.</summary>
    public static void Start(byte apicId, bool eachSecond)
    {
        s_runs = true;
        Write(AlarmSeconds, eachSecond ? Any : 0u);
        Write(AlarmMinutes, Any);
        Write(AlarmHours, Any);
        Write(Control, (Read(Control) & ~(uint)AllInterrupts) | AlarmInterrupt);
        WriteIoApic(1, (uint)apicId << 24);
        WriteIoApic(0, NmiMode);
        HasStruck();
    }

    /// <summary>Since the last call. The clock does not interrupt again before this is asked.</summary>
    public static bool HasStruck() => s_runs && (Read(Flags) & AlarmInterrupt) != 0;

    private static uint Read(uint register)
    {
        Cpu.Out8(Index, register);
        return Cpu.In8(Data);
    }

    private static void Write(uint register, uint value)
    {
        Cpu.Out8(Index, register);
        Cpu.Out8(Data, value);
    }

    /// <summary>Half of the redirection entry of the clock's interrupt.</summary>
    private static void WriteIoApic(uint half, uint value)
    {
        byte* ioApic = (byte*)(ulong)Startup.Firmware.IoApic;
        Cpu.Store32((uint*)ioApic, 0x10 + Startup.Firmware.ClockPin * 2 + half);
        Cpu.Store32((uint*)(ioApic + 0x10), value);
    }
}
