using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Osv.Monitor.Hardware;

namespace Osv.Monitor.Samples;

public static class Boxing
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Hash(object value) => value.GetHashCode();

    [RuntimeExport("sample_box")]
    public static int Run(uint value) => Hash(value);
}
