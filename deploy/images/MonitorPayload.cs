using System.Buffers.Binary;
using System.Numerics;
using System.Text;
using Osv.Contracts.Archives;

namespace Osv.Images;

/// <summary>
/// The archive that partition 0 boots from. Its first member, the manifest, is all that the monitor reads
/// (monitor/Startup/Payload.cs); monitor/loader unpacks the rest.
/// </summary>
public static class MonitorPayload
{
    private const int ManifestOffset = 120, ManifestBytes = 40;

    /// <param name="loader">artifacts/monitor/loader.bin.</param>
    public static byte[] Build(ReadOnlySpan<byte> loader, ReadOnlySpan<byte> kernel, ReadOnlySpan<byte> initrd, string commandLine)
    {
        byte[] archive = new CpioArchive()
            .AddFile("manifest", new byte[ManifestBytes])
            .AddFile("loader", loader)
            .AddFile("kernel", kernel)
            .AddFile("initrd", initrd)
            .AddFile("cmdline", Encoding.ASCII.GetBytes(commandLine))
            .ToBytes();
        // The monitor sums whole words; what follows the trailer is nobody's.
        Array.Resize(ref archive, (archive.Length + 7) & ~7);
        Span<byte> manifest = archive.AsSpan(ManifestOffset, ManifestBytes), content = archive.AsSpan(ManifestOffset + ManifestBytes);
        "OSVPAYL3"u8.CopyTo(manifest);
        BinaryPrimitives.WriteUInt64LittleEndian(manifest[8..], (ulong)archive.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(manifest[24..], (ulong)(ManifestOffset + ManifestBytes + content.IndexOf(loader)));
        BinaryPrimitives.WriteUInt64LittleEndian(manifest[32..], (ulong)loader.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(manifest[16..], Sum(archive));
        return archive;
    }

    /// <summary>FNV-1a over all words but the sum's own, turned so that a word's highest bit does not stay where it was.</summary>
    private static ulong Sum(ReadOnlySpan<byte> archive)
    {
        const ulong Prime = 0x100_0000_01B3;
        ulong sum = 0xCBF2_9CE4_8422_2325;
        for (int at = 0; at < archive.Length; at += 8)
        {
            if (at != ManifestOffset + 16) sum = BitOperations.RotateLeft(unchecked((sum ^ BinaryPrimitives.ReadUInt64LittleEndian(archive[at..])) * Prime), 29);
        }
        return sum;
    }
}
