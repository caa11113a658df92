using System;

namespace Internal.Runtime.CompilerHelpers;

/// <summary>ilc's scanner looks this up for constant tables wider than bytes; the code generator then points into constant data instead.</summary>
internal static class LdTokenHelpers
{
    private static RuntimeFieldHandle GetRuntimeFieldHandle(IntPtr handle)
    {
        Osv.Monitor.Panic.Unreachable();
        return default;
    }
}
