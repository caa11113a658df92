using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Osv.Monitor.Hardware;

namespace Osv.Monitor.Samples;

public static unsafe class HoistedWait
{
    [RuntimeExport("sample_hoisted_wait")]
    public static void Run(uint* flag)
    {
        while (*flag == 0) { }
    }
}
