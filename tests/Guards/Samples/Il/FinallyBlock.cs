using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Osv.Monitor.Hardware;

namespace Osv.Monitor.Samples;

public static class FinallyBlock
{
    [RuntimeExport("sample_finally")]
    public static void Run(uint port)
    {
        try { Cpu.Out8(port, 1); }
        finally { Cpu.Out8(port, 0); }
    }
}
