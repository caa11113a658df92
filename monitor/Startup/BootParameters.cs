using System;
using Osv.Contracts.ControlDevice;

namespace Osv.Monitor.Startup;

/// <summary>The zero page that the loader or our real-mode code left (Documentation/arch/x86/zero-page.rst).</summary>
public readonly unsafe struct BootParameters(byte* page)
{
    public ulong RamdiskAddress => *(uint*)(page + 0x218) | ((ulong)*(uint*)(page + 0xC0) << 32);
    public ulong RamdiskBytes => *(uint*)(page + 0x21C) | ((ulong)*(uint*)(page + 0xC4) << 32);
    public ulong AcpiRsdp => *(ulong*)(page + 0x70);
    /// <summary>Zero-terminated, or null.</summary>
    public byte* CommandLine => (byte*)(ulong)*(uint*)(page + 0x228);
    /// <summary>The page has room for 128.</summary>
    public int RangeCount => page[0x1E8] < 128 ? page[0x1E8] : 128;
    public ulong RangeStart(int i) => *(ulong*)(page + 0x2D0 + i * 20);
    public ulong RangeBytes(int i) => *(ulong*)(page + 0x2D0 + i * 20 + 8);
    public bool RangeIsRam(int i) => *(uint*)(page + 0x2D0 + i * 20 + 16) == 1;

    /// <summary>The number behind <c>name=</c> on the command line, with K, M or G; or the fallback.</summary>
    public ulong Option(ReadOnlySpan<byte> name, ulong fallback)
    {
        byte* text = CommandLine;
        for (int at = 0; text != null && at < 2048 && text[at] != 0; at++)
        {
            if (at != 0 && text[at - 1] != ' ') continue;
            int i = 0;
            while (i < name.Length && text[at + i] == name[i]) i++;
            if (i == name.Length && text[at + i] == '=') return Number(text + at + i + 1);
        }
        return fallback;
    }

    private static ulong Number(byte* text)
    {
        ulong value = 0;
        for (; *text is >= (byte)'0' and <= (byte)'9' && value < 1UL << 40; text++) value = value * 10 + *text - '0';
        return *text switch { (byte)'K' => value << 10, (byte)'M' => value << 20, (byte)'G' => value << 30, _ => value };
    }
}
