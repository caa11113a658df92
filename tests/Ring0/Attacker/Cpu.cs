using System.Runtime;
using System.Runtime.CompilerServices;

namespace Osv.Ring0.Attacker;

/// <summary>Single instructions (boot/instructions.asm).</summary>
public static unsafe class Cpu
{
    private const MethodImplOptions Asm = MethodImplOptions.InternalCall;

    [MethodImpl(Asm), RuntimeImport("*", "asm_in8")] public static extern byte In8(uint port);
    [MethodImpl(Asm), RuntimeImport("*", "asm_in32")] public static extern uint In32(uint port);
    [MethodImpl(Asm), RuntimeImport("*", "asm_out8")] public static extern void Out8(uint port, uint value);
    [MethodImpl(Asm), RuntimeImport("*", "asm_out32")] public static extern void Out32(uint port, uint value);
    [MethodImpl(Asm), RuntimeImport("*", "asm_rdmsr")] public static extern ulong ReadMsr(uint msr);
    [MethodImpl(Asm), RuntimeImport("*", "asm_wrmsr")] public static extern void WriteMsr(uint msr, ulong value);
    [MethodImpl(Asm), RuntimeImport("*", "asm_rdtsc")] public static extern ulong TimeStamp();
    [MethodImpl(Asm), RuntimeImport("*", "asm_load32")] public static extern uint Load32(void* address);
    [MethodImpl(Asm), RuntimeImport("*", "asm_load64")] public static extern ulong Load64(void* address);
    [MethodImpl(Asm), RuntimeImport("*", "asm_store32")] public static extern void Store32(void* address, uint value);
    [MethodImpl(Asm), RuntimeImport("*", "asm_store64")] public static extern void Store64(void* address, ulong value);
    [MethodImpl(Asm), RuntimeImport("*", "asm_pause")] public static extern void Pause();
    [MethodImpl(Asm), RuntimeImport("*", "asm_lidt")] public static extern void LoadIdt(void* pointer);
    [MethodImpl(Asm), RuntimeImport("*", "asm_load_task")] public static extern void LoadTask(uint selector);
    [MethodImpl(Asm), RuntimeImport("*", "asm_sti")] public static extern void OpenInterrupts();
    [MethodImpl(Asm), RuntimeImport("*", "asm_cli")] public static extern void CloseInterrupts();
    [MethodImpl(Asm), RuntimeImport("*", "asm_halt")] public static extern void Halt();
    [MethodImpl(Asm), RuntimeImport("*", "asm_wait")] public static extern void WaitForInterrupt();
    [MethodImpl(Asm), RuntimeImport("*", "asm_probe")] public static extern uint Probe(void* code, Registers* registers, uint mode, uint flags);
    [MethodImpl(Asm), RuntimeImport("*", "asm_shadow_rounds")] public static extern void ShadowRounds(ulong rounds);
    [MethodImpl(Asm), RuntimeImport("*", "asm_read_state")] public static extern void ReadState(ulong* values);
    [MethodImpl(Asm), RuntimeImport("*", "asm_soil_vectors")] public static extern void SoilVectors();
    [MethodImpl(Asm), RuntimeImport("*", "asm_task_jump")] public static extern void TaskJump(uint selector);
    [MethodImpl(Asm), RuntimeImport("*", "asm_task_gate")] public static extern void TaskGate(void* idt);
    [MethodImpl(Asm), RuntimeImport("*", "asm_real_mode")] public static extern void RealMode();
    [MethodImpl(Asm), RuntimeImport("*", "asm_fault_now")] public static extern void FaultNow();
    [MethodImpl(Asm), RuntimeImport("*", "asm_symbol")] public static extern byte* Symbol(int which);
}

/// <summary>Addresses that only the linker knows; the numbers are places in boot/instructions.asm.</summary>
public static unsafe class Symbols
{
    public static CoreState* State(int core) => (CoreState*)Cpu.Symbol(core);
    public static byte* Stubs(int core) => Cpu.Symbol(2 + core);
    public static byte* ProbeCode => Cpu.Symbol(4);
    public static byte* NarrowBack => Cpu.Symbol(5);
    public static byte* Trampoline => Cpu.Symbol(6);
    public static byte* TrampolineEnd => Cpu.Symbol(7);
    public static ulong* EntryRegisters => (ulong*)Cpu.Symbol(8);
    public static byte* EntryVectors => Cpu.Symbol(9);
    public static ulong* FarTable => (ulong*)Cpu.Symbol(10);
    public static byte* TaskState => Cpu.Symbol(11);
    public static ulong* Gdt => (ulong*)Cpu.Symbol(12);
    public static byte* StackTop => Cpu.Symbol(13);
    public static byte* RetryStub => Cpu.Symbol(15);
    public static ulong ImageEnd => (ulong)Cpu.Symbol(14);
}
