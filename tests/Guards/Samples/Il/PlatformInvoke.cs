using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Osv.Monitor.Hardware;

namespace System.Runtime.InteropServices
{
    public sealed class DllImportAttribute : Attribute
    {
        public DllImportAttribute(string library) { }
        public string? EntryPoint;
    }
}

namespace Osv.Monitor.Samples
{

public static class PlatformInvoke
{
    [DllImport("*", EntryPoint = "asm_in8")]
    private static extern byte In8(uint port);

    [RuntimeExport("sample_invoke")]
    public static uint Run(uint port) => In8(port);
}
}
