using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Osv.Monitor.Hardware;

namespace Osv.Monitor.Samples;

public static class NeverWritten
{
    public static uint Ticks;

    [RuntimeExport("sample_never_written")]
    public static uint Run() => Ticks;
}
