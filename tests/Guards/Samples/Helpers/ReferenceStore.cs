using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Osv.Monitor.Hardware;

namespace Osv.Monitor.Samples;

public static class ReferenceStore
{
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Set(ref string place, string value) => place = value;

    [RuntimeExport("sample_reference")]
    public static int Run()
    {
        string text = "one";
        Set(ref text, "two");
        return text.Length;
    }
}
