using System.Runtime.InteropServices;

namespace Osv.Monitor.Startup;

/// <summary>
/// The payload: a cpio archive, whose first member is this manifest. The monitor looks at nothing else of it: it checks
/// that the archive is as it was built, and gives all of it to partition 0, whose loader unpacks it (monitor/loader).
/// It stays where it was loaded, to boot partition 0 again.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct Payload
{
    /// <summary>Bytes from the start of the archive: a cpio header of 110, the name "manifest" with its zero, padding.</summary>
    private const ulong ManifestOffset = 120;
    /// <summary>"OSVPAYL2", little endian.</summary>
    private const ulong ExpectedMagic = 0x324C_5941_5056_534F;

    private ulong _magic;
    private ulong _archiveBytes;
    /// <summary>Over everything behind the manifest.</summary>
    private ulong _sum;
    private ulong _loaderOffset;
    private ulong _loaderBytes;

    public static byte* Archive;
    public static ulong ArchiveBytes;
    public static byte* Loader;
    public static ulong LoaderBytes;

    /// <summary>False when anything is missing, cut short or changed.</summary>
    public static bool Open(ulong address, ulong bytes)
    {
        ulong contentOffset = ManifestOffset + (ulong)sizeof(Payload);
        if (address == 0 || bytes < contentOffset || (address | bytes) >> 52 != 0) return false;
        Archive = (byte*)address;
        Payload* manifest = (Payload*)(Archive + ManifestOffset);
        ArchiveBytes = manifest->_archiveBytes;
        LoaderBytes = manifest->_loaderBytes;
        if (manifest->_magic != ExpectedMagic || ArchiveBytes < contentOffset || ArchiveBytes > bytes) return false;
        if (manifest->_loaderOffset > ArchiveBytes || LoaderBytes > ArchiveBytes - manifest->_loaderOffset) return false;
        Loader = Archive + manifest->_loaderOffset;
        return manifest->_sum == Sum(Archive + contentOffset, ArchiveBytes - contentOffset);
    }

    /// <summary>FNV-1a over whole 8-byte words, then over the bytes that are left: finds damage, not malice.</summary>
    private static ulong Sum(byte* data, ulong bytes)
    {
        ulong sum = 0xCBF2_9CE4_8422_2325;
        ulong* words = (ulong*)data;
        for (ulong i = 0; i < bytes / 8; i++) sum = unchecked((sum ^ words[i]) * 0x100_0000_01B3);
        for (ulong i = bytes & ~7UL; i < bytes; i++) sum = unchecked((sum ^ data[i]) * 0x100_0000_01B3);
        return sum;
    }
}
