using System;

namespace Osv.Ring0.Attacker;

/// <summary>Runs a few bytes of machine code and tells which exception ended it.</summary>
public static unsafe class Probe
{
    public const uint None = 256, Divide = 0, Debug = 1, Undefined = 6, Protection = 13, Page = 14, Alignment = 17, UserReturn = 0x80;
    private const uint Kernel = 0, User = 1, Narrow = 2;

    public static CoreState* State => Symbols.State(0);

    /// <summary>Ring 0, 64-bit mode. The vector, or <see cref="None"/>.</summary>
    public static uint Run(ReadOnlySpan<byte> code, ref Registers registers)
    {
        int length = Place(code);
        Symbols.ProbeCode[length] = 0xC3;               // RET
        fixed (Registers* pointer = &registers) return Cpu.Probe(Symbols.ProbeCode, pointer, Kernel, 0);
    }

    public static uint Run(ReadOnlySpan<byte> code)
    {
        Registers registers = default;
        return Run(code, ref registers);
    }

    /// <summary>Ring 3; <see cref="None"/> when the code ended by itself.</summary>
    public static uint RunUser(ReadOnlySpan<byte> code, ref Registers registers, uint flags)
    {
        int length = Place(code);
        Symbols.ProbeCode[length] = 0xCD;               // INT 80h
        Symbols.ProbeCode[length + 1] = 0x80;
        fixed (Registers* pointer = &registers)
        {
            uint vector = Cpu.Probe(Symbols.ProbeCode, pointer, User, flags);
            return vector == UserReturn ? None : vector;
        }
    }

    /// <summary>Ring 0, 32-bit code in compatibility mode.</summary>
    public static uint RunNarrow(ReadOnlySpan<byte> code, ref Registers registers)
    {
        int length = Place(code);
        byte* end = Symbols.ProbeCode + length;
        end[0] = 0xEA;                                  // JMP 10h:back
        *(uint*)(end + 1) = (uint)(ulong)Symbols.NarrowBack;
        *(ushort*)(end + 5) = 0x10;
        fixed (Registers* pointer = &registers) return Cpu.Probe(Symbols.ProbeCode, pointer, Narrow, 0);
    }

    private static int Place(ReadOnlySpan<byte> code)
    {
        for (int i = 0; i < code.Length; i++) Symbols.ProbeCode[i] = code[i];
        return code.Length;
    }

    public static uint ReadMsr(uint msr, out ulong value)
    {
        Registers registers = default;
        registers.Rcx = msr;
        uint vector = Run([0x0F, 0x32], ref registers);
        value = (registers.Rdx << 32) | (registers.Rax & 0xFFFF_FFFF);
        return vector;
    }

    public static uint WriteMsr(uint msr, ulong value)
    {
        Registers registers = default;
        registers.Rcx = msr;
        registers.Rax = value & 0xFFFF_FFFF;
        registers.Rdx = value >> 32;
        return Run([0x0F, 0x30], ref registers);
    }
}
