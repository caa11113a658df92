using System;

namespace Osv.Contracts.BootInterface;

/// <summary>Writes little-endian fields into a fixed area. Without allocation: the monitor uses it too.</summary>
public ref struct TableWriter
{
    private readonly Span<byte> _area;

    public TableWriter(Span<byte> area)
    {
        _area = area;
        Position = 0;
    }

    /// <summary>Bytes from the start of the area.</summary>
    public int Position { get; set; }

    public void Byte(byte value) => _area[Position++] = value;

    public void Word(ushort value)
    {
        Byte((byte)(value & 0xFF));
        Byte((byte)(value >> 8));
    }

    public void Dword(uint value)
    {
        Word((ushort)(value & 0xFFFF));
        Word((ushort)(value >> 16));
    }

    public void Qword(ulong value)
    {
        Dword((uint)(value & 0xFFFF_FFFF));
        Dword((uint)(value >> 32));
    }

    public void Text(ReadOnlySpan<byte> text)
    {
        for (int i = 0; i < text.Length; i++) Byte(text[i]);
    }

    public void Zeros(int count)
    {
        for (int i = 0; i < count; i++) Byte(0);
    }

    public void PatchDword(int position, uint value)
    {
        int end = Position;
        Position = position;
        Dword(value);
        Position = end;
    }

    public void PatchByte(int position, byte value) => _area[position] = value;

    /// <summary>The value that makes all bytes from <paramref name="start"/> to the position add up to zero.</summary>
    public readonly byte Checksum(int start, int end)
    {
        uint sum = 0;
        for (int i = start; i < end; i++) sum += _area[i];
        return (byte)((0x100 - (sum & 0xFF)) & 0xFF);
    }
}
