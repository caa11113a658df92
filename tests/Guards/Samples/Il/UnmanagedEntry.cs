using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Osv.Monitor.Hardware;

namespace Osv.Monitor.Samples;

public static class UnmanagedEntry
{
    private sealed class UnmanagedCallersOnlyAttribute : Attribute { }

    [UnmanagedCallersOnly, RuntimeExport("sample_unmanaged")]
    public static uint Run(uint value) => value;
}
