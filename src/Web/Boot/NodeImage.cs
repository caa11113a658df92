using System.Security.Cryptography;
using Microsoft.Extensions.Options;
using Google.Protobuf;
using Osv.Netboot;
using Wire = Osv.Contracts.Node;

namespace Osv.Web.Boot;

/// <summary>The files that nodes boot, under their hashes. A file that is replaced on disk gets its new hash with the next question. Thread-safe.</summary>
internal sealed class NodeImage(IOptions<NetbootOptions> options, NodeAddresses addresses) : IDisposable
{
    private sealed record Hashed(string Path, long Length, DateTime Written, string Sha256);

    private readonly SemaphoreSlim _hashing = new(1);
    private volatile Hashed[] _known = [];

    /// <summary>Null: nothing is configured, or a file is missing.</summary>
    public async Task<(BootFile Monitor, BootFile Payload)?> CurrentAsync(CancellationToken cancel)
    {
        if (options.Value is not { Monitor: { Length: > 0 } monitor, Payload: { Length: > 0 } payload }) return null;
        if (!File.Exists(monitor) || !File.Exists(payload)) return null;
        return (new BootFile((await HashAsync(monitor, cancel)).Sha256), new BootFile((await HashAsync(payload, cancel)).Sha256));
    }

    /// <summary>What erases disks, as agents are told of it. Null: nothing is configured, or a file is missing.</summary>
    public async Task<Wire.Image?> EraserAsync(CancellationToken cancel)
    {
        if (options.Value is not { EraserKernel: { Length: > 0 } kernel, EraserInitrd: { Length: > 0 } initrd } || !File.Exists(kernel) || !File.Exists(initrd)) return null;
        try
        {
            return new Wire.Image { Name = "eraser", Kernel = Artifact(await HashAsync(kernel, cancel)), Initrd = Artifact(await HashAsync(initrd, cancel)), CommandLine = "console=ttyS0 quiet nvme_core.multipath=N" };
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // It is being replaced, or not ours to read: the agent says that nothing is named that erases, and is told anew.
            return null;
        }
    }

    private Wire.Artifact Artifact(Hashed file) => new()
    {
        Url = addresses.Netboot.GetLeftPart(UriPartial.Authority) + BootScript.ImagePath + file.Sha256, Sha256 = ByteString.CopyFrom(Convert.FromHexString(file.Sha256)), Bytes = (ulong)file.Length,
    };

    /// <summary>The file with a hash; null: none, or none any more. Another process may have named a hash that this one was never asked for.</summary>
    public async Task<string?> FindAsync(string sha256, CancellationToken cancel)
    {
        if (Known(sha256) is { } known) return known;
        await CurrentAsync(cancel);
        await EraserAsync(cancel);
        return Known(sha256);
    }

    private string? Known(string sha256) =>
        _known.FirstOrDefault(known => known.Sha256 == sha256 && new FileInfo(known.Path) is { Exists: true } file && Matches(known, file))?.Path;

    private async Task<Hashed> HashAsync(string path, CancellationToken cancel)
    {
        var file = new FileInfo(path);
        if (_known.FirstOrDefault(known => known.Path == path && Matches(known, file)) is { } before) return before;
        await _hashing.WaitAsync(cancel);
        try
        {
            if (_known.FirstOrDefault(known => known.Path == path && Matches(known, file)) is { } meanwhile) return meanwhile;
            await using FileStream stream = file.OpenRead();
            string hash = Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancel));
            var hashed = new Hashed(path, file.Length, file.LastWriteTimeUtc, hash);
            _known = [.. _known.Where(other => other.Path != path), hashed];
            return hashed;
        }
        finally
        {
            _hashing.Release();
        }
    }

    private static bool Matches(Hashed known, FileInfo file) => file.Length == known.Length && file.LastWriteTimeUtc == known.Written;

    public void Dispose() => _hashing.Dispose();
}
