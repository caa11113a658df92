using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Osv.Monitor.Hardware;

namespace Osv.Monitor.Samples;

public static unsafe class FunctionPointer
{
    private static uint One(uint value) => value + 1;
    private static uint Two(uint value) => value + 2;

    [RuntimeExport("sample_pointer")]
    public static uint Run(uint value)
    {
        delegate*<uint, uint> next = value > 3 ? &One : &Two;
        return next(value);
    }
}
