using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Osv.Monitor.Hardware;

namespace Osv.Monitor.Samples;

public static unsafe class StackInLoop
{
    [RuntimeExport("sample_stack_in_loop")]
    public static ulong Run(uint turns)
    {
        ulong sum = 0;
        for (uint i = 0; i < turns; i++)
        {
            byte* bytes = stackalloc byte[256];
            Cpu.Clear(bytes, 256);
            sum += bytes[i & 255];
        }
        return sum;
    }
}
