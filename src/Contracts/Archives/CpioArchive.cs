using System.Globalization;
using System.IO.Compression;
using System.Text;

namespace Osv.Contracts.Archives;

/// <summary>A cpio archive in the "newc" format that Linux takes as initramfs. Times and owners are zero: same input, same bytes.</summary>
public sealed class CpioArchive
{
    private const int RegularFile = 0x8000, Folder = 0x4000, SymbolicLink = 0xA000, CharacterDevice = 0x2000;
    private readonly List<byte> _bytes = [];
    private int _inode;

    public CpioArchive AddFolder(string path) => Add(path, Folder | 0x1ED, [], 0, 0);

    /// <summary>Every folder on the way to these files, parents first.</summary>
    public CpioArchive AddFoldersOf(IEnumerable<string> files)
    {
        foreach (string folder in files.SelectMany(path => path.Select((letter, at) => letter == '/' ? path[..at] : string.Empty)).Where(folder => folder.Length != 0).Distinct().Order(StringComparer.Ordinal)) AddFolder(folder);
        return this;
    }

    public CpioArchive AddFile(string path, ReadOnlySpan<byte> content, bool executable = false) => Add(path, RegularFile | (executable ? 0x1ED : 0x1A4), content, 0, 0);

    /// <summary>Nobody but root may read or run it.</summary>
    public CpioArchive AddPrivateFile(string path, ReadOnlySpan<byte> content) => Add(path, RegularFile | 0x1C0, content, 0, 0);

    public CpioArchive AddText(string path, string content, bool executable = false) => AddFile(path, Encoding.UTF8.GetBytes(content), executable);

    public CpioArchive AddLink(string path, string target) => Add(path, SymbolicLink | 0x1FF, Encoding.UTF8.GetBytes(target), 0, 0);

    public CpioArchive AddCharacterDevice(string path, int major, int minor) => Add(path, CharacterDevice | 0x180, [], major, minor);

    /// <summary>The finished archive, as it is.</summary>
    public byte[] ToBytes()
    {
        Add("TRAILER!!!", 0, [], 0, 0);
        return _bytes.ToArray();
    }

    /// <summary>The finished archive, gzipped.</summary>
    public byte[] ToGzip()
    {
        byte[] plain = ToBytes();
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest)) gzip.Write(plain);
        return packed.ToArray();
    }

    private CpioArchive Add(string path, int mode, ReadOnlySpan<byte> content, int major, int minor)
    {
        byte[] name = Encoding.UTF8.GetBytes(path + "\0");
        int[] fields = [++_inode, mode, 0, 0, 1, 0, content.Length, 0, 0, major, minor, name.Length, 0];
        _bytes.AddRange(Encoding.ASCII.GetBytes("070701" + string.Concat(fields.Select(field => field.ToString("X8", CultureInfo.InvariantCulture)))));
        _bytes.AddRange(name);
        Pad();
        _bytes.AddRange(content);
        Pad();
        return this;
    }

    private void Pad()
    {
        while (_bytes.Count % 4 != 0) _bytes.Add(0);
    }
}
