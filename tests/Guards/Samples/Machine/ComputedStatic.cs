using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Osv.Monitor.Hardware;

namespace Osv.Monitor.Samples;

public static class ComputedStatic
{
    private static ulong s_started = Cpu.TimeStamp();

    [RuntimeExport("sample_computed_static")]
    public static ulong Run() => s_started++;
}
