using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Osv.Monitor.Hardware;

namespace Osv.Monitor.Samples;

public static class Recursion
{
    [RuntimeExport("sample_recursion")]
    public static ulong Run(ulong value) => value < 2 ? Cpu.TimeStamp() : unchecked(Odd(value - 1) ^ value);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong Odd(ulong value) => value < 2 ? Cpu.TimeStamp() : unchecked(Run(value - 1) + value);
}
