using System.Security.Cryptography;
using Microsoft.Extensions.Options;
using Osv.Netboot;

namespace Osv.Web.Boot;

/// <summary>The files that nodes boot, under their hashes. A file that is replaced on disk gets its new hash with the next question. Thread-safe.</summary>
internal sealed class NodeImage(IOptions<NetbootOptions> options) : IDisposable
{
    private sealed record Hashed(string Path, long Length, DateTime Written, string Sha256);

    private readonly SemaphoreSlim _hashing = new(1);
    private volatile Hashed[] _known = [];

    /// <summary>Null: nothing is configured, or a file is missing.</summary>
    public async Task<(BootFile Monitor, BootFile Payload)?> CurrentAsync(CancellationToken cancel)
    {
        if (options.Value is not { Monitor: { Length: > 0 } monitor, Payload: { Length: > 0 } payload }) return null;
        if (!File.Exists(monitor) || !File.Exists(payload)) return null;
        return (new BootFile(await HashAsync(monitor, cancel)), new BootFile(await HashAsync(payload, cancel)));
    }

    /// <summary>The file with a hash; null: none, or none any more.</summary>
    public string? Find(string sha256) =>
        _known.FirstOrDefault(known => known.Sha256 == sha256 && new FileInfo(known.Path) is { Exists: true } file && Matches(known, file))?.Path;

    private async Task<string> HashAsync(string path, CancellationToken cancel)
    {
        var file = new FileInfo(path);
        if (_known.FirstOrDefault(known => known.Path == path && Matches(known, file)) is { } before) return before.Sha256;
        await _hashing.WaitAsync(cancel);
        try
        {
            if (_known.FirstOrDefault(known => known.Path == path && Matches(known, file)) is { } meanwhile) return meanwhile.Sha256;
            await using FileStream stream = file.OpenRead();
            string hash = Convert.ToHexStringLower(await SHA256.HashDataAsync(stream, cancel));
            _known = [.. _known.Where(other => other.Path != path), new Hashed(path, file.Length, file.LastWriteTimeUtc, hash)];
            return hash;
        }
        finally
        {
            _hashing.Release();
        }
    }

    private static bool Matches(Hashed known, FileInfo file) => file.Length == known.Length && file.LastWriteTimeUtc == known.Written;

    public void Dispose() => _hashing.Dispose();
}
