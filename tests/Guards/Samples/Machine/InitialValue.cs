using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Osv.Monitor.Hardware;

namespace Osv.Monitor.Samples;

public static class InitialValue
{
    private static uint s_left = 5;

    [RuntimeExport("sample_initial_value")]
    public static uint Run() => s_left--;
}
