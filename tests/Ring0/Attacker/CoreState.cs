using System.Runtime.InteropServices;

namespace Osv.Ring0.Attacker;

/// <summary>What the trap stubs write for one core; boot/attacker.inc has the offsets.</summary>
[StructLayout(LayoutKind.Explicit)]
public unsafe struct CoreState
{
    [FieldOffset(0x18)] public ulong Error;
    [FieldOffset(0x20)] public ulong Rip;
    [FieldOffset(0x28)] public ulong Cr2;
    /// <summary>Interrupts taken between STI and the HLT after it.</summary>
    [FieldOffset(0x40)] public ulong Early;
    /// <summary>Most NMI handlers at once; NMIs that the handler is still to send to its own core.</summary>
    [FieldOffset(0x50)] public ulong NmiMost;
    [FieldOffset(0x58)] public ulong NmiAgain;
    [FieldOffset(0x80)] public fixed ulong Counts[256];

    public static ulong Count(CoreState* state, int vector) => Cpu.Load64(&state->Counts[vector]);

    /// <summary>All interrupts but one vector.</summary>
    public static ulong Others(CoreState* state, int except)
    {
        ulong sum = 0;
        for (int vector = 0; vector < 256; vector++)
            if (vector != except) sum += Count(state, vector);
        return sum;
    }

    public static void Clear(CoreState* state)
    {
        for (int vector = 0; vector < 256; vector++) Cpu.Store64(&state->Counts[vector], 0);
        state->Early = 0;
        state->NmiMost = state->NmiAgain = 0;
    }
}

/// <summary>General registers before and after a probe.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct Registers
{
    public ulong Rax, Rbx, Rcx, Rdx, Rsi, Rdi, R8, Rflags;
}
