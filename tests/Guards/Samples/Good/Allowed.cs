using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Osv.Monitor.Hardware;

namespace Osv.Monitor.Samples;

public interface ICounter
{
    static abstract void Count(uint by);
}

public readonly struct Port : ICounter
{
    public static void Count(uint by) => Cpu.Out8(0x80, by);
}

public readonly struct Pair
{
    public readonly uint First, Second;
    public Pair(uint first, uint second) { First = first; Second = second; }
}

public static unsafe class Allowed
{
    private static uint s_turns;

    private static ReadOnlySpan<byte> Table => "31415926"u8;

    private static void Twice<T>(uint by) where T : struct, ICounter
    {
        T.Count(by);
        T.Count(by);
    }

    [RuntimeExport("sample_good")]
    public static uint Run(uint code, uint* flag)
    {
        byte* bytes = stackalloc byte[1024];
        Cpu.Clear(bytes, 1024);
        var pair = new Pair(code, bytes[code & 1023]);
        while (Cpu.Load32(flag) == 0) Cpu.Pause();
        s_turns = unchecked(s_turns + 1);
        Twice<Port>(pair.Second);
        switch (code)
        {
            case 0: Log.Text("zero"u8); break;
            case 1: Cpu.Fence(); break;
            case 2: Cpu.Pause(); break;
            case 3: Cpu.Out8(1, 2); break;
            case 4: Cpu.Out16(1, 2); break;
        }
        return Table[(int)(pair.First & 7)] + s_turns;
    }
}
