using Osv.Monitor.Hardware;

namespace Osv.Monitor.Startup;

/// <summary>Time at boot, from the power-management timer (3.579545 MHz; ACPI 4.8.3.3).</summary>
public static class Clock
{
    /// <summary>Far more reads than 20 ms have room for, however fast a port answers.</summary>
    private const uint Hertz = 3_579_545, Mask = 0xFF_FFFF, MostReads = 10_000_000;

    public static void Wait(uint microseconds)
    {
        uint ticks = (uint)((ulong)microseconds * Hertz / 1_000_000);
        uint start = Cpu.In32(Firmware.TimerPort);
        while ((unchecked(Cpu.In32(Firmware.TimerPort) - start) & Mask) < ticks) Cpu.Pause();
    }

    /// <summary>Time-stamp counter frequency in kHz, measured over 20 ms; 0 when the timer stands still.</summary>
    public static ulong MeasureTsc()
    {
        uint start = Cpu.In32(Firmware.TimerPort);
        ulong first = Cpu.TimeStamp();
        for (uint reads = 0; reads < MostReads; reads++)
        {
            uint passed = unchecked(Cpu.In32(Firmware.TimerPort) - start) & Mask;
            if (passed >= Hertz / 50) return (Cpu.TimeStamp() - first) * Hertz / passed / 1000;
        }
        return 0;
    }
}
