using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Osv.Monitor.Hardware;

namespace Osv.Monitor.Samples;

public static unsafe class DeepStack
{
    [RuntimeExport("sample_deep_stack")]
    public static ulong Run(ulong value) => A(value) + 1;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong A(ulong value)
    {
        byte* bytes = stackalloc byte[4000];
        Cpu.Clear(bytes, 4000);
        return B(value) + bytes[value & 0x7FF];
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong B(ulong value)
    {
        byte* bytes = stackalloc byte[4000];
        Cpu.Clear(bytes, 4000);
        return C(value) + bytes[value & 0x7FF];
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong C(ulong value)
    {
        byte* first = stackalloc byte[4000];
        byte* second = stackalloc byte[2000];
        Cpu.Clear(first, 4000);
        Cpu.Clear(second, 2000);
        return first[value & 0x7FF] + (ulong)second[value & 0x3FF];
    }
}
