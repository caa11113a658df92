using System;
using System.Runtime;
using System.Runtime.CompilerServices;

namespace Osv.Loader;

/// <summary>Single instructions, and the serial port that partition 0 owns.</summary>
internal static unsafe class Processor
{
    private const MethodImplOptions Asm = MethodImplOptions.InternalCall;
    private const uint SerialPort = 0x3F8;

    [MethodImpl(Asm), RuntimeImport("*", "asm_own_apic_id")] public static extern uint OwnApicId();
    [MethodImpl(Asm), RuntimeImport("*", "memmove")] public static extern void* Copy(void* destination, void* source, ulong bytes);
    [MethodImpl(Asm), RuntimeImport("*", "asm_enter_kernel")] public static extern void EnterKernel(ulong rip, ulong bootParams, ulong pageTables, void* gdt);
    [MethodImpl(Asm), RuntimeImport("*", "asm_out8")] private static extern void Out8(uint port, uint value);
    [MethodImpl(Asm), RuntimeImport("*", "asm_halt")] private static extern void Halt();

    /// <summary>One sentence, and the end of partition 0.</summary>
    public static void Stop(ReadOnlySpan<byte> sentence)
    {
        Say("osv-loader: "u8);
        Say(sentence);
        Say("\r\n"u8);
        Halt();
    }

    private static void Say(ReadOnlySpan<byte> text)
    {
        for (int i = 0; i < text.Length; i++) Out8(SerialPort, text[i]);
    }
}
