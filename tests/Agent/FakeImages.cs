using System.Buffers.Binary;
using System.Security.Cryptography;
using Google.Protobuf;
using Osv.Agent.Images;
using Osv.Contracts.Node;

namespace Osv.Agent.Tests;

/// <summary>Artifacts that are here at once, on the way, or not to be had.</summary>
internal sealed class FakeImages : IImageSource, IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("osv-images").FullName;
    private readonly Dictionary<string, string> _failures = [];
    public HashSet<string> OnTheWay { get; } = [];
    /// <summary>Of what is on its way.</summary>
    public string? Trouble { get; set; }
    public IReadOnlySet<string> Kept { get; private set; } = new HashSet<string>();

    /// <summary>The least that passes for a bzImage: header, setup sectors and some content.</summary>
    public static byte[] Kernel(uint initSize = 1 << 20)
    {
        var kernel = new byte[5 * 512 + 0x4000];
        kernel[0x1F1] = 4;
        BinaryPrimitives.WriteUInt32LittleEndian(kernel.AsSpan(0x1F4), 0x4000 / 16);
        BinaryPrimitives.WriteUInt16LittleEndian(kernel.AsSpan(0x1FE), 0xAA55);
        kernel[0x201] = 0x6A;
        "HdrS"u8.CopyTo(kernel.AsSpan(0x202));
        BinaryPrimitives.WriteUInt16LittleEndian(kernel.AsSpan(0x206), 0x20F);
        BinaryPrimitives.WriteUInt32LittleEndian(kernel.AsSpan(0x22C), 0x7FFF_FFFF);
        BinaryPrimitives.WriteUInt32LittleEndian(kernel.AsSpan(0x230), 0x20_0000);
        kernel[0x234] = 1;
        kernel[0x236] = 1;
        BinaryPrimitives.WriteUInt32LittleEndian(kernel.AsSpan(0x238), 2047);
        BinaryPrimitives.WriteUInt64LittleEndian(kernel.AsSpan(0x258), 0x100_0000);
        BinaryPrimitives.WriteUInt32LittleEndian(kernel.AsSpan(0x260), initSize);
        return kernel;
    }

    public Artifact Add(byte[] content)
    {
        byte[] hash = SHA256.HashData(content);
        File.WriteAllBytes(Path.Combine(_folder, Convert.ToHexStringLower(hash)), content);
        return new Artifact { Url = "http://images/1", Sha256 = ByteString.CopyFrom(hash), Bytes = (ulong)content.Length };
    }

    public void Fail(Artifact artifact, string why) => _failures[Name(artifact)] = why;

    private static string Name(Artifact artifact) => Convert.ToHexStringLower(artifact.Sha256.Span);

    public IReadOnlyList<ImageProgress> Request(IReadOnlyList<Artifact> artifacts) => [.. artifacts.Select(Request)];

    private ImageProgress Request(Artifact artifact)
    {
        if (_failures.TryGetValue(Name(artifact), out string? why)) return new ImageProgress(null, 0, why);
        return OnTheWay.Contains(Name(artifact)) ? new ImageProgress(null, 1, null, Trouble) : new ImageProgress(Path.Combine(_folder, Name(artifact)), artifact.Bytes, null);
    }

    public long Capacity => 1 << 30;

    public void Keep(IReadOnlySet<string> hashes) => Kept = hashes;

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
