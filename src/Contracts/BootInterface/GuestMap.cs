namespace Osv.Contracts.BootInterface;

/// <summary>Fixed places in a guest's first mebibyte.</summary>
public static class GuestMap
{
    public const uint Gdt = 0x6000;
    public const uint BootParams = 0x7000;
    public const uint CommandLine = 0x8000;
    public const uint CommandLineBytes = 0x1000;
    public const uint PageTables = 0xA000;
    /// <summary>
    /// Partition 0 only: the command line that came with the monitor, and the loader with its page tables, GDT and code.
    /// The loader gets the address of its copy of the payload in RSI.
    /// </summary>
    public const uint NodeCommandLine = 0xD000;
    public const uint Loader = 0x10000;
    public const uint LoaderGdt = Loader + 0x2000;
    public const uint LoaderEntry = Loader + 0x3000;
    public const uint LowEnd = 0x9F000;
    public const uint AcpiTables = 0xE0000;
    public const uint AcpiBytes = 0x1F000;
    /// <summary>Where a real-mode reboot lands.</summary>
    public const uint ResetVector = 0xFFFF0;
    public const uint OneMebibyte = 0x10_0000;

    /// <summary>Memory of the control device and its load window, and the I/O port of the panic, reset and sleep registers.</summary>
    public const ulong ControlShared = 0xE000_0000;
    public const ulong ControlWindow = 0x80_0000_0000 - (1UL << 30) * 2;
    public const ushort ControlDoorbell = 0x5600;
    public const ushort ResetPort = 0xCF9;
    public const byte ResetValue = 6;
    public const ushort SleepPort = 0x604;
    public const ushort PanicPort = 0x505;
    public const ushort SerialPort = 0x3F8;
    public const uint IoApic = 0xFEC0_0000;
    public const uint SerialInterrupt = 4;
}
