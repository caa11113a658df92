using System;

namespace Osv.Monitor.Hardware;

/// <summary>The monitor's own words on the first serial port, and nothing that needs memory.</summary>
public static class Log
{
    private const uint Port = 0x3F8;

    public static void Initialize()
    {
        Cpu.Out8(Port + 1, 0);
        Cpu.Out8(Port + 3, 0x80);
        Cpu.Out8(Port, 1);
        Cpu.Out8(Port + 1, 0);
        Cpu.Out8(Port + 3, 3);
        Cpu.Out8(Port + 2, 7);
        Cpu.Out8(Port + 4, 3);
    }

    public static void Text(ReadOnlySpan<byte> text)
    {
        for (int i = 0; i < text.Length; i++) Put(text[i]);
    }

    public static void Value(ReadOnlySpan<byte> name, ulong value)
    {
        Text(name);
        Text("0x"u8);
        bool started = false;
        for (int shift = 60; shift >= 0; shift -= 4)
        {
            uint digit = (uint)((value >> shift) & 15);
            if (digit != 0) started = true;
            if (started || shift == 0) Put((byte)(digit < 10 ? '0' + digit : 'a' + digit - 10));
        }
    }

    public static void Number(ReadOnlySpan<byte> before, ulong value)
    {
        Text(before);
        ulong scale = 1;
        while (value / scale >= 10) scale *= 10;
        for (; scale != 0; scale /= 10) Put((byte)('0' + value / scale % 10));
    }

    public static void Line() => Text("\r\n"u8);

    /// <summary>A UART that never gets ready is given up on, not waited for.</summary>
    private static void Put(byte value)
    {
        for (int i = 0; i < 100_000 && (Cpu.In8(Port + 5) & 0x20) == 0; i++) Cpu.Pause();
        Cpu.Out8(Port, value);
    }
}
