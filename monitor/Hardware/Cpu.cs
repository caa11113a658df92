using System.Runtime;
using System.Runtime.CompilerServices;

namespace Osv.Monitor.Hardware;

/// <summary>Single instructions, and memory accesses that the compiler must neither merge nor move.</summary>
public static unsafe class Cpu
{
    private const MethodImplOptions Asm = MethodImplOptions.InternalCall;
    private const uint PredictionCommand = 0x49;

    [MethodImpl(Asm), RuntimeImport("*", "asm_in8")] public static extern byte In8(uint port);
    [MethodImpl(Asm), RuntimeImport("*", "asm_in32")] public static extern uint In32(uint port);
    [MethodImpl(Asm), RuntimeImport("*", "asm_out8")] public static extern void Out8(uint port, uint value);
    [MethodImpl(Asm), RuntimeImport("*", "asm_out16")] public static extern void Out16(uint port, uint value);
    [MethodImpl(Asm), RuntimeImport("*", "asm_out32")] public static extern void Out32(uint port, uint value);
    [MethodImpl(Asm), RuntimeImport("*", "asm_rdmsr")] public static extern ulong ReadMsr(uint msr);
    [MethodImpl(Asm), RuntimeImport("*", "asm_wrmsr")] public static extern void WriteMsr(uint msr, ulong value);
    [MethodImpl(Asm), RuntimeImport("*", "asm_cpuid")] public static extern void Cpuid(uint leaf, uint subleaf, uint* registers);
    [MethodImpl(Asm), RuntimeImport("*", "asm_load32")] public static extern uint Load32(uint* address);
    [MethodImpl(Asm), RuntimeImport("*", "asm_load64")] public static extern ulong Load64(ulong* address);
    [MethodImpl(Asm), RuntimeImport("*", "asm_store32")] public static extern void Store32(uint* address, uint value);
    [MethodImpl(Asm), RuntimeImport("*", "asm_store64")] public static extern void Store64(ulong* address, ulong value);
    /// <summary>Both halves at once; the address is a multiple of 16.</summary>
    [MethodImpl(Asm), RuntimeImport("*", "asm_store128")] public static extern void Store128(ulong* address, ulong low, ulong high);
    [MethodImpl(Asm), RuntimeImport("*", "asm_exchange32")] public static extern uint Exchange32(uint* address, uint value);
    [MethodImpl(Asm), RuntimeImport("*", "asm_add32")] public static extern uint Add32(uint* address, uint value);
    [MethodImpl(Asm), RuntimeImport("*", "asm_pause")] public static extern void Pause();
    [MethodImpl(Asm), RuntimeImport("*", "asm_fence")] public static extern void Fence();
    [MethodImpl(Asm), RuntimeImport("*", "asm_rdtsc")] public static extern ulong TimeStamp();
    [MethodImpl(Asm), RuntimeImport("*", "asm_lidt")] public static extern void LoadIdt(void* pointer);
    [MethodImpl(Asm), RuntimeImport("*", "asm_write_cr3")] public static extern void WriteCr3(ulong root);
    [MethodImpl(Asm), RuntimeImport("*", "asm_xsetbv")] public static extern void WriteXcr(uint register, ulong value);
    [MethodImpl(Asm), RuntimeImport("*", "asm_vmload")] public static extern void VmLoad(ulong vmcb);
    [MethodImpl(Asm), RuntimeImport("*", "asm_halt")] public static extern void Halt();
    [MethodImpl(Asm), RuntimeImport("*", "asm_open_interrupts")] public static extern void OpenInterrupts();
    [MethodImpl(Asm), RuntimeImport("*", "asm_reset_registers")] public static extern void ResetRegisters(void* initialState, ulong xcr0After, ulong allFeatures);
    [MethodImpl(Asm), RuntimeImport("*", "asm_clear")] public static extern void Clear(void* address, ulong bytes);
    [MethodImpl(Asm), RuntimeImport("*", "memmove")] public static extern void* Copy(void* destination, void* source, ulong bytes);
    [MethodImpl(Asm), RuntimeImport("*", "park_until_nmi")] public static extern void ParkUntil(uint* notZero);
    [MethodImpl(Asm), RuntimeImport("*", "take_pending")] public static extern void TakePending();
    [MethodImpl(Asm), RuntimeImport("*", "world_loop")] public static extern void WorldLoop(CoreBlock* core);
    [MethodImpl(Asm), RuntimeImport("*", "asm_symbol")] public static extern byte* Symbol(int which);

    /// <summary>What code before this taught the branch predictor has no effect on code after it (IBPB; APM vol. 2, 3.2.9).</summary>
    public static void PredictionBarrier() => WriteMsr(PredictionCommand, 1);
}

/// <summary>A spin lock, first come first served, so that no guest can starve another core of it.</summary>
public unsafe struct TicketLock
{
    private uint _next;
    private uint _serving;

    public static void Enter(TicketLock* ticketLock)
    {
        uint mine = Cpu.Add32(&ticketLock->_next, 1);
        while (Cpu.Load32(&ticketLock->_serving) != mine)
        {
            // Whoever holds it may have died with it.
            if (Panic.IsOver) Cpu.Halt();
            Cpu.Pause();
        }
    }

    public static void Leave(TicketLock* ticketLock) => Cpu.Store32(&ticketLock->_serving, unchecked(ticketLock->_serving + 1));
}
