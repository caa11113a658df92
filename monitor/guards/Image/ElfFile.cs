using System.Buffers.Binary;
using System.Text;

namespace Osv.Monitor.Guards.Image;

/// <summary>A section: where it is in memory and what is in it.</summary>
public sealed record ElfSection(string Name, ulong Address, ulong Bytes, bool Writable, ReadOnlyMemory<byte> Data)
{
    public bool Contains(ulong address) => address - Address < Bytes;
}

/// <summary>A symbol; Section is null for undefined and absolute ones.</summary>
public sealed record ElfSymbol(string Name, ulong Address, bool IsUndefined, ElfSection? Section);

/// <summary>Sections and symbols of a 64-bit little-endian ELF file (System V ABI, chapter 4).</summary>
public sealed class ElfFile
{
    private const uint SymbolTable = 2, NoBits = 8;
    private const ushort FirstReserved = 0xFF00;

    private ElfFile(string path, IReadOnlyList<ElfSection> sections, IReadOnlyList<ElfSymbol> symbols)
    {
        Path = path;
        Sections = sections;
        Symbols = symbols;
    }

    public string Path { get; }
    public IReadOnlyList<ElfSection> Sections { get; }
    public IReadOnlyList<ElfSymbol> Symbols { get; }

    public ElfSection Section(string name) => Sections.FirstOrDefault(section => section.Name == name)
        ?? throw new InvalidDataException($"{Path} has no section {name}; boot/monitor.ld makes it");

    public ulong Address(string symbol) => Symbols.FirstOrDefault(known => known.Name == symbol && !known.IsUndefined)?.Address
        ?? throw new InvalidDataException($"{Path} has no symbol {symbol}; the guards look for it by name, so tell monitor/guards when it is renamed");

    public static ElfFile Read(string path)
    {
        ReadOnlyMemory<byte> file = File.ReadAllBytes(path);
        ReadOnlySpan<byte> bytes = file.Span;
        int table = (int)U64(bytes, 0x28), size = U16(bytes, 0x3A), count = U16(bytes, 0x3C), names = U16(bytes, 0x3E);
        int nameTable = (int)U64(bytes, table + names * size + 0x18);
        var sections = new List<ElfSection>();
        for (int i = 0; i < count; i++)
        {
            int at = table + i * size;
            int offset = (int)U64(bytes, at + 0x18), length = (int)U64(bytes, at + 0x20);
            bool stored = U32(bytes, at + 4) is not (0 or NoBits);
            sections.Add(new ElfSection(Text(bytes, nameTable + (int)U32(bytes, at)), U64(bytes, at + 0x10), (ulong)length, (U64(bytes, at + 8) & 1) != 0, stored ? file.Slice(offset, length) : default));
        }
        var symbols = new List<ElfSymbol>();
        for (int i = 0; i < count; i++)
        {
            int at = table + i * size;
            if (U32(bytes, at + 4) != SymbolTable) continue;
            ReadOnlySpan<byte> entries = sections[i].Data.Span;
            int strings = (int)U64(bytes, table + (int)U32(bytes, at + 0x28) * size + 0x18);
            for (int entry = 24; entry < entries.Length; entry += 24)
            {
                ushort section = U16(entries, entry + 6);
                symbols.Add(new ElfSymbol(Text(bytes, strings + (int)U32(entries, entry)), U64(entries, entry + 8), section == 0, section is 0 or >= FirstReserved ? null : sections[section]));
            }
        }
        return new ElfFile(path, sections, symbols);
    }

    private static string Text(ReadOnlySpan<byte> bytes, int at) => Encoding.ASCII.GetString(bytes[at..(at + bytes[at..].IndexOf((byte)0))]);
    private static ushort U16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);
    private static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
    private static ulong U64(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt64LittleEndian(bytes[at..]);
}
