using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Osv.Monitor.Hardware;

namespace Osv.Monitor.Samples;

public static class CatchBlock
{
    [RuntimeExport("sample_catch")]
    public static uint Run(uint port)
    {
        try { return Cpu.In8(port); }
        catch { return 0; }
    }
}
