using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Osv.Monitor.Hardware;

namespace Osv.Monitor.Samples;

public static unsafe class LargeStack
{
    [RuntimeExport("sample_large_stack")]
    public static ulong Run(ulong value)
    {
        byte* bytes = stackalloc byte[7000];
        Cpu.Clear(bytes, 7000);
        return bytes[value & 0xFFF];
    }
}
