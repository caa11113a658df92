using Osv.Monitor.Hardware;

namespace Osv.Monitor.Startup;

/// <summary>Time at boot, from the power-management timer (3.579545 MHz; ACPI 4.8.3.3).</summary>
public static class Clock
{
    private const uint Hertz = 3_579_545, Mask = 0xFF_FFFF;

    public static void Wait(uint microseconds)
    {
        uint ticks = (uint)((ulong)microseconds * Hertz / 1_000_000);
        uint start = Cpu.In32(Firmware.TimerPort);
        while ((unchecked(Cpu.In32(Firmware.TimerPort) - start) & Mask) < ticks) Cpu.Pause();
    }

    /// <summary>Time-stamp counter frequency in kHz, measured over 20 ms.</summary>
    public static ulong MeasureTsc()
    {
        uint start = Cpu.In32(Firmware.TimerPort);
        ulong first = Cpu.TimeStamp();
        uint passed;
        do passed = unchecked(Cpu.In32(Firmware.TimerPort) - start) & Mask; while (passed < Hertz / 50);
        return (Cpu.TimeStamp() - first) * Hertz / passed / 1000;
    }
}
