using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Osv.Monitor.Hardware;

namespace Osv.Monitor.Samples;

public static class NewClass
{
    private sealed class Box { public uint Value; }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint Read(Box box) => box.Value;

    [RuntimeExport("sample_new")]
    public static uint Run(uint value) => Read(new Box { Value = value });
}
