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
    /// <summary>"OSVPAYL3", little endian.</summary>
    private const ulong ExpectedMagic = 0x334C_5941_5056_534F;
    /// <summary>The word of the archive that is <see cref="_sum"/>.</summary>
    private const ulong SumWord = ManifestOffset / 8 + 2;

    private ulong _magic;
    private ulong _archiveBytes;
    /// <summary>Over every other word of the archive.</summary>
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
        if (manifest->_magic != ExpectedMagic || ArchiveBytes < contentOffset || ArchiveBytes > bytes || ArchiveBytes % 8 != 0) return false;
        if (manifest->_loaderOffset > ArchiveBytes || LoaderBytes > ArchiveBytes - manifest->_loaderOffset) return false;
        Loader = Archive + manifest->_loaderOffset;
        return manifest->_sum == Sum((ulong*)Archive, ArchiveBytes / 8);
    }

    /// <summary>FNV-1a over words, turned so that a word's highest bit does not stay where it was: finds damage, not malice.</summary>
    private static ulong Sum(ulong* words, ulong count)
    {
        ulong sum = 0xCBF2_9CE4_8422_2325;
        for (ulong i = 0; i < count; i++)
            if (i != SumWord) sum = unchecked(((sum ^ words[i]) * 0x100_0000_01B3 >> 35) | ((sum ^ words[i]) * 0x100_0000_01B3 << 29));
        return sum;
    }
}
