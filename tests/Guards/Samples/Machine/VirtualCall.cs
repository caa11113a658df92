using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Osv.Monitor.Hardware;

namespace Osv.Monitor.Samples;

public abstract class Shape
{
    public abstract ulong Area(ulong side);
}

public sealed class Square : Shape
{
    public override ulong Area(ulong side) => unchecked(side * side);
}

public sealed class Circle : Shape
{
    public override ulong Area(ulong side) => unchecked(side * side * 3);
}

/// <summary>
/// Which of two implementations runs is known at run time only: ilc makes it a direct call otherwise, as it does when a string is the only
/// object there is. Nothing creates one here (another guard refuses that): memory that holds an object is taken for it.
/// </summary>
public static unsafe class VirtualCall
{
    [RuntimeExport("sample_virtual_call")]
    public static ulong Run(ulong memory, ulong side) => (*(Shape*)&memory).Area(side) | 1;

    /// <summary>A call at the very end becomes a jump.</summary>
    [RuntimeExport("sample_virtual_last_call")]
    public static ulong Last(ulong memory, ulong side) => (*(Shape*)&memory).Area(side);
}
