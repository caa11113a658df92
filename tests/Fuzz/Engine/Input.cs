using System.Buffers.Binary;

namespace Osv.Fuzz.Engine;

/// <summary>Values out of an input, little endian; zeros once it has ended.</summary>
internal ref struct Input(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _left = bytes;

    public readonly bool HasEnded => _left.IsEmpty;

    public ulong Number(int bytes)
    {
        Span<byte> word = stackalloc byte[8];
        word.Clear();
        Take(bytes).CopyTo(word);
        return BinaryPrimitives.ReadUInt64LittleEndian(word);
    }

    public byte Byte() => (byte)Number(1);

    public bool Bool() => (Byte() & 1) != 0;

    public ushort Word() => (ushort)Number(2);

    public uint Dword() => (uint)Number(4);

    public ulong Qword() => Number(8);

    /// <summary>A number below <paramref name="limit"/>, which is at most 256.</summary>
    public int Below(int limit) => Byte() % limit;

    /// <summary>The next bytes, as many as there are.</summary>
    public ReadOnlySpan<byte> Take(int bytes)
    {
        ReadOnlySpan<byte> taken = _left[..Math.Min(bytes, _left.Length)];
        _left = _left[taken.Length..];
        return taken;
    }

    public ReadOnlySpan<byte> Rest() => Take(_left.Length);
}
