using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Osv.Monitor.Hardware;

namespace Osv.Monitor.Samples;

public static class VirtualCall
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Hash(object value) => value.GetHashCode();

    [RuntimeExport("sample_virtual_call")]
    public static int Run() => Hash("text") + Hash("other");
}
