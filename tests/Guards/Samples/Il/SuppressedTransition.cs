using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Osv.Monitor.Hardware;

namespace Osv.Monitor.Samples;

public static class SuppressedTransition
{
    private sealed class SuppressGCTransitionAttribute : Attribute { }

    [SuppressGCTransition, RuntimeExport("sample_suppressed")]
    public static uint Run(uint value) => value;
}
