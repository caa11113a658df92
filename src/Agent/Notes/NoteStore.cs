using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Osv.Agent.Notes;

/// <summary>
/// Small records in memory that outlives the agent and the management Linux, one per slot. A record is written to the half
/// that does not hold the current one and becomes valid with its checksum, so whoever is killed while writing leaves the old
/// one. Not thread-safe.
/// </summary>
public sealed class NoteStore
{
    private const ulong Magic = 0x3145_544F_4E56_534F;
    private const int Sequence = 8, Length = 16, Checksum = 24, Header = 56;
    private readonly SpanSource _area;
    private readonly int _slotBytes;

    /// <summary>The memory; called for every access, as a span cannot be kept.</summary>
    public delegate Span<byte> SpanSource();

    public NoteStore(SpanSource area, int slots)
    {
        _area = area;
        Slots = slots;
        _slotBytes = area().Length / slots;
    }

    public int Slots { get; }

    /// <summary>Bytes that a record may have.</summary>
    public int Capacity => _slotBytes / 2 - Header;

    /// <summary>The last record written to the slot, or null.</summary>
    public byte[]? Read(int slot)
    {
        ulong first = SequenceOf(Half(slot, 0)), second = SequenceOf(Half(slot, 1));
        if (first == 0 && second == 0) return null;
        Span<byte> half = Half(slot, first > second ? 0 : 1);
        int length = (int)BinaryPrimitives.ReadUInt32LittleEndian(half[Length..]);
        return length == 0 ? null : half.Slice(Header, length).ToArray();
    }

    /// <exception cref="ArgumentException">The record is larger than <see cref="Capacity"/>.</exception>
    public void Write(int slot, ReadOnlySpan<byte> record)
    {
        if (record.Length > Capacity) throw new ArgumentException($"a note of {record.Length} bytes does not fit; a slot takes {Capacity}");
        ulong first = SequenceOf(Half(slot, 0)), second = SequenceOf(Half(slot, 1));
        Span<byte> half = Half(slot, first > second ? 1 : 0);
        half[..8].Clear();
        Thread.MemoryBarrier();
        record.CopyTo(half[Header..]);
        BinaryPrimitives.WriteUInt64LittleEndian(half[Sequence..], Math.Max(first, second) + 1);
        BinaryPrimitives.WriteUInt64LittleEndian(half[Length..], (ulong)record.Length);
        Sum(half, record.Length, half.Slice(Checksum, 32));
        Thread.MemoryBarrier();
        BinaryPrimitives.WriteUInt64LittleEndian(half, Magic);
    }

    /// <summary>The slot is free again.</summary>
    public void Clear(int slot) => Write(slot, []);

    private Span<byte> Half(int slot, int half) => _area().Slice(slot * _slotBytes + half * (_slotBytes / 2), _slotBytes / 2);

    /// <summary>0 when the half holds no valid record.</summary>
    private static ulong SequenceOf(Span<byte> half)
    {
        if (BinaryPrimitives.ReadUInt64LittleEndian(half) != Magic) return 0;
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(half[Length..]);
        if (length > (ulong)(half.Length - Header)) return 0;
        Span<byte> sum = stackalloc byte[32];
        Sum(half, (int)length, sum);
        return sum.SequenceEqual(half.Slice(Checksum, 32)) ? BinaryPrimitives.ReadUInt64LittleEndian(half[Sequence..]) : 0;
    }

    private static void Sum(Span<byte> half, int length, Span<byte> sum)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(half.Slice(Sequence, 16));
        hash.AppendData(half.Slice(Header, length));
        hash.GetHashAndReset(sum);
    }
}
