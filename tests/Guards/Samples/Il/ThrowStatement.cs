using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Osv.Monitor.Hardware;

namespace Osv.Monitor.Samples;

public static class ThrowStatement
{
    [RuntimeExport("sample_throw")]
    public static void Run(uint port)
    {
        if (port == 0) throw null!;
        Cpu.Out8(port, 1);
    }
}
