using System;

namespace Osv.Ring0.Attacker;

/// <summary>The partition's console at 3F8h.</summary>
public static class Serial
{
    private const uint Data = 0x3F8, LineStatus = 0x3FD;

    public static void Put(byte value) => Cpu.Out8(Data, value);

    public static void Text(ReadOnlySpan<byte> text)
    {
        for (int i = 0; i < text.Length; i++) Put(text[i]);
    }

    public static void Hex(ulong value)
    {
        bool started = false;
        for (int shift = 60; shift >= 0; shift -= 4)
        {
            uint digit = (uint)(value >> shift) & 15;
            if (digit != 0) started = true;
            if (started || shift == 0) Put((byte)(digit < 10 ? '0' + digit : 'a' + digit - 10));
        }
    }

    public static void Number(ulong value)
    {
        ulong scale = 1;
        while (value / scale >= 10) scale *= 10;
        for (; scale != 0; scale /= 10) Put((byte)('0' + value / scale % 10));
    }

    public static void Line() => Put((byte)'\n');

    public static bool HasInput => (Cpu.In8(LineStatus) & 1) != 0;

    public static byte Take()
    {
        while (!HasInput) Cpu.Pause();
        return Cpu.In8(Data);
    }
}
