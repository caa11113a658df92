namespace Osv.Monitor.Hardware;

/// <summary>The local APIC in x2APIC mode (APM vol. 2, 16.11).</summary>
public static unsafe class LocalApic
{
    private const uint Base = 0x1B, TaskPriority = 0x808, Eoi = 0x80B, Spurious = 0x80F, InService = 0x810, Requested = 0x820, ErrorStatus = 0x828;
    private const uint Icr = 0x830, TimerVector = 0x832, LastVector = 0x837, InitialCount = 0x838, DivideConfiguration = 0x83E;
    private const ulong Masked = 1 << 16;

    /// <summary>Interrupts have been requested of this core and not taken.</summary>
    public static bool HasRequests => AnySet(Requested);

    /// <summary>By CPUID 0Bh, which tells all 32 bits before x2APIC is on, too.</summary>
    public static uint OwnId
    {
        get
        {
            uint* registers = stackalloc uint[4];
            Cpu.Cpuid(0xB, 0, registers);
            return registers[3];
        }
    }

    public static void Enable()
    {
        ulong value = Cpu.ReadMsr(Base);
        Cpu.WriteMsr(Base, value | 0x800);
        Cpu.WriteMsr(Base, value | 0xC00);
        Cpu.WriteMsr(Spurious, 0x1FF);
        for (uint vector = TimerVector; vector <= LastVector; vector++) Cpu.WriteMsr(vector, Masked);
    }

    public static void SendNmi(uint apicId) => Cpu.WriteMsr(Icr, ((ulong)apicId << 32) | 0x4400);
    public static void SendFixed(uint apicId, byte vector) => Cpu.WriteMsr(Icr, ((ulong)apicId << 32) | 0x4000 | vector);
    public static void SendInit(uint apicId) => Cpu.WriteMsr(Icr, ((ulong)apicId << 32) | 0x4500);
    public static void SendStartup(uint apicId, byte page) => Cpu.WriteMsr(Icr, ((ulong)apicId << 32) | 0x4600 | page);

    /// <summary>Registers as at power-up, but enabled by software for <see cref="Drain"/>.</summary>
    public static void Quiet()
    {
        Cpu.WriteMsr(InitialCount, 0);
        Cpu.WriteMsr(DivideConfiguration, 0);
        for (uint vector = TimerVector; vector <= LastVector; vector++) Cpu.WriteMsr(vector, Masked);
        Cpu.WriteMsr(TaskPriority, 0);
        Cpu.WriteMsr(Spurious, 0x1FF);
    }

    /// <summary>Nothing pending, ready for the next owner: enabled by software, all vectors masked. The IDT is the draining one.</summary>
    public static void Drain()
    {
        // What is in service blocks what is requested: finish the one, let the other in, until both are empty.
        while (AnySet(InService) || AnySet(Requested))
        {
            if (Panic.IsOver) Cpu.Halt();
            if (AnySet(InService)) Cpu.WriteMsr(Eoi, 0);
            Cpu.OpenInterrupts();
        }
        Cpu.WriteMsr(ErrorStatus, 0);
        Cpu.WriteMsr(Spurious, 0xFF);
    }

    /// <summary>
    /// Vector 0 aside: no processor takes vectors 0 to 15 (APM vol. 2, 16.6.1), QEMU takes them from the self-IPI register
    /// and from the timer, and of these it never delivers 0.
    /// </summary>
    private static bool AnySet(uint first)
    {
        ulong bits = Cpu.ReadMsr(first) & ~1UL;
        for (uint i = 1; i < 8; i++) bits |= Cpu.ReadMsr(first + i);
        return bits != 0;
    }
}
