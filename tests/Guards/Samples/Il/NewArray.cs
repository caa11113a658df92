using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Osv.Monitor.Hardware;

namespace Osv.Monitor.Samples;

public static class NewArray
{
    [RuntimeExport("sample_array")]
    public static uint Run(int length)
    {
        uint[] values = new uint[length];
        return values[0];
    }
}
