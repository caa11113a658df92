using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Osv.Monitor.Hardware;

namespace Osv.Monitor.Samples;

public static unsafe class UnboundedStack
{
    [RuntimeExport("sample_unbounded_stack")]
    public static ulong Run(uint length)
    {
        byte* bytes = stackalloc byte[(int)(length & 0xFFFF)];
        Cpu.Clear(bytes, length & 0xFFFF);
        return bytes[0];
    }
}
