using System;

namespace Osv.Loader;

/// <summary>A cpio archive ("newc") in memory. Whatever it holds, nothing behind its end is looked at.</summary>
internal readonly unsafe struct Archive
{
    private const int HeaderBytes = 110;
    private readonly byte* _start;
    private readonly byte* _end;

    public Archive(byte* start, ulong bytes)
    {
        _start = start;
        _end = start + bytes;
    }

    /// <summary>The member's content, or null.</summary>
    /// <param name="name">With its terminating zero.</param>
    public byte* Find(ReadOnlySpan<byte> name, out ulong bytes)
    {
        byte* at = _start;
        while (_end - at >= HeaderBytes && *(uint*)at == 0x3730_3730)
        {
            ulong nameBytes = Field(at, 94), left = (ulong)(_end - at), offset = (HeaderBytes + nameBytes + 3) & ~3UL;
            bytes = Field(at, 54);
            if (offset > left || bytes > left - offset) break;
            byte* content = at + offset;
            if (bytes != 0 && nameBytes == (ulong)name.Length && IsNamed(at + HeaderBytes, name)) return content;
            at = content + ((bytes + 3) & ~3UL);
        }
        bytes = 0;
        return null;
    }

    private static bool IsNamed(byte* at, ReadOnlySpan<byte> name)
    {
        for (int i = 0; i < name.Length; i++)
            if (at[i] != name[i]) return false;
        return true;
    }

    /// <summary>Eight hexadecimal digits.</summary>
    private static ulong Field(byte* header, int offset)
    {
        ulong value = 0;
        for (int i = 0; i < 8; i++)
        {
            uint digit = header[offset + i];
            value = (value << 4) | ((digit & 15) + (digit >= 'A' ? 9u : 0));
        }
        return value;
    }
}
