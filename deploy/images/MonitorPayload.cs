using System.Buffers.Binary;
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
        Span<byte> manifest = archive.AsSpan(ManifestOffset, ManifestBytes), content = archive.AsSpan(ManifestOffset + ManifestBytes);
        "OSVPAYL2"u8.CopyTo(manifest);
        BinaryPrimitives.WriteUInt64LittleEndian(manifest[8..], (ulong)archive.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(manifest[16..], Sum(content));
        BinaryPrimitives.WriteUInt64LittleEndian(manifest[24..], (ulong)(ManifestOffset + ManifestBytes + content.IndexOf(loader)));
        BinaryPrimitives.WriteUInt64LittleEndian(manifest[32..], (ulong)loader.Length);
        return archive;
    }

    /// <summary>FNV-1a over whole 8-byte words, then over the bytes that are left.</summary>
    private static ulong Sum(ReadOnlySpan<byte> data)
    {
        const ulong Prime = 0x100_0000_01B3;
        ulong sum = 0xCBF2_9CE4_8422_2325;
        for (; data.Length >= 8; data = data[8..]) sum = unchecked((sum ^ BinaryPrimitives.ReadUInt64LittleEndian(data)) * Prime);
        foreach (byte value in data) sum = unchecked((sum ^ value) * Prime);
        return sum;
    }
}
