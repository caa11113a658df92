namespace Osv.Ring0.Attacker;

/// <summary>Descriptor tables, the local APIC, and waiting for what may arrive.</summary>
public static unsafe class Interrupts
{
    public const uint TaskPriority = 0x808, Spurious = 0x80F, InService = 0x810, Requested = 0x820, ErrorStatus = 0x828, Icr = 0x830, TimerVector = 0x832, InitialCount = 0x838, CurrentCount = 0x839, Divide = 0x83E, SelfIpi = 0x83F;
    private const ulong Idt = 0x3000, SecondIdt = 0x4000;
    public const uint TrampolinePage = 0x8;
    /// <summary>Timer counts of a millisecond under QEMU (1 GHz): a periodic timer much faster than that keeps QEMU itself from doing anything else.</summary>
    public const uint Millisecond = 1_000_000;
    private static uint* Starts => (uint*)(TrampolinePage * 4096 + 0xFF0);

    public static Parameters* Parameters => (Parameters*)Osv.Ring0.Attacker.Parameters.Address;

    public static void SetUp(int core)
    {
        ulong* idt = (ulong*)(core == 0 ? Idt : SecondIdt);
        for (int vector = 0; vector < 256; vector++)
        {
            ulong stub = (ulong)Symbols.Stubs(core) + (ulong)vector * 16;
            ulong type = vector == (int)Probe.UserReturn ? 0xEE00UL : 0x8E00;
            idt[vector * 2] = (stub & 0xFFFF) | (0x10UL << 16) | (type << 32) | ((stub >> 16 & 0xFFFF) << 48);
            idt[vector * 2 + 1] = stub >> 32;
        }
        LoadIdt((ulong)idt, 4095);
        CoreState.Clear(Symbols.State(core));
        Cpu.WriteMsr(Spurious, 0x1FF);
        if (core != 0) return;
        // Ring 3 comes back on a stack of its own.
        ulong task = (ulong)Symbols.TaskState;
        *(ulong*)(Symbols.TaskState + 4) = (ulong)Symbols.StackTop - 16384;
        *(ushort*)(Symbols.TaskState + 102) = 104;
        Symbols.Gdt[6] |= (task & 0xFF_FFFF) << 16 | (task >> 24 & 0xFF) << 56;
        Symbols.Gdt[7] = task >> 32;
        Cpu.LoadTask(0x30);
    }

    public static void LoadIdt(ulong address, ushort limit)
    {
        byte* pointer = stackalloc byte[16];
        *(ushort*)pointer = limit;
        *(ulong*)(pointer + 2) = address;
        Cpu.LoadIdt(pointer);
    }

    /// <summary>Lets everything in that is on its way.</summary>
    public static void Settle(uint microseconds = 50)
    {
        Cpu.OpenInterrupts();
        Wait(microseconds);
        Cpu.CloseInterrupts();
    }

    public static void Wait(uint microseconds)
    {
        ulong start = Cpu.TimeStamp(), ticks = Parameters->TscKilohertz * microseconds / 1000;
        while (Cpu.TimeStamp() - start < ticks) Cpu.Pause();
    }

    public static void Send(ulong value) => Cpu.WriteMsr(Icr, value);

    /// <summary>Puts the second core's first code in place; it halts at once or goes on to <see cref="Program.Second"/>.</summary>
    public static void PrepareSecond(bool halt)
    {
        byte* page = (byte*)(TrampolinePage * 4096);
        for (int i = 0; i < (int)(Symbols.TrampolineEnd - Symbols.Trampoline); i++) page[i] = Symbols.Trampoline[i];
        Cpu.Store32(Starts, 0);
        Cpu.Store32(Starts + 1, halt ? 1u : 0);
    }

    public static uint StartsSeen => Cpu.Load32(Starts);

    public static void StartSecond()
    {
        ulong to = (ulong)Parameters->SecondId << 32;
        Send(to | 0x4500);
        Send(to | 0x4600 | TrampolinePage);
    }

    /// <summary>False when the second core has not come that far within a second.</summary>
    public static bool WaitForStarts(uint count)
    {
        for (int i = 0; i < 10_000 && StartsSeen < count; i++) Wait(100);
        return StartsSeen >= count;
    }
}
