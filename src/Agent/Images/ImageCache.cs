using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using Osv.Agent.Node;
using Osv.Contracts.Node;

namespace Osv.Agent.Images;

/// <summary>How far an artifact has come.</summary>
/// <param name="Path">Of the whole, checked file; null: not there yet.</param>
/// <param name="Failure">Why it will not come as asked; null: it is on its way.</param>
/// <param name="Trouble">What keeps it from coming; it is tried again. Null: nothing.</param>
public sealed record ImageProgress(string? Path, ulong Bytes, string? Failure, string? Trouble = null);

/// <summary>Where the reconciler gets artifacts from.</summary>
public interface IImageSource
{
    /// <summary>Begins to fetch all parts of an image, or says how far each has come. Returns at once.</summary>
    IReadOnlyList<ImageProgress> Request(IReadOnlyList<Artifact> artifacts);

    /// <summary>Bytes that it can hold at once.</summary>
    long Capacity { get; }

    /// <summary>Keeps these hashes while it can, and may drop others when room is needed.</summary>
    void Keep(IReadOnlySet<string> hashes);
}

/// <summary>
/// Kernels and initrds by hash, in a folder. A download that breaks goes on where it stopped; what does not match its hash is
/// thrown away and never used. What a tenant that runs was started from is dropped only for want of room; its next start fetches it anew. Thread-safe.
/// </summary>
public sealed class ImageCache(string folder, HttpClient http, TimeProvider time, AgentLog log, long capacity) : IImageSource, IDisposable
{
    /// <summary>Three quarters of the memory that there is for images, those of an agent before this one included.</summary>
    /// <param name="available">Bytes that programs can still get.</param>
    public static long CapacityOf(string folder, long available)
    {
        long held = Directory.Exists(folder) ? new DirectoryInfo(folder).EnumerateFiles().Sum(file => file.Length) : 0;
        return (available + held) / 4 * 3;
    }

    private static readonly TimeSpan s_retry = TimeSpan.FromSeconds(2), s_silence = TimeSpan.FromSeconds(20), s_afterFailure = TimeSpan.FromSeconds(30);

    /// <summary>Who waits for an image asks for it in every round.</summary>
    private static readonly TimeSpan s_awaited = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Download> _downloads = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _end = new();
    private IReadOnlySet<string> _kept = new HashSet<string>();

    /// <param name="total">Bytes that it will have.</param>
    private sealed class Download(long total)
    {
        public CancellationTokenSource Unwanted { get; } = new();
        public long Total { get; } = total;
        public ulong Bytes;
        public string? Failure, Trouble;
        public long FailedAt, AskedAt;
        public bool Done, IsUnderWay;
    }

    public long Capacity => capacity;

    private const string Part = ".part";

    /// <summary>ENOSPC, as an IOException bears it.</summary>
    private const int NoSpace = 28;

    /// <summary>A file is whole once it bears this name: it is renamed after its hash was checked.</summary>
    private string PathOf(string hash) => Path.Combine(folder, hash);

    public IReadOnlyList<ImageProgress> Request(IReadOnlyList<Artifact> artifacts)
    {
        if (artifacts.FirstOrDefault(artifact => artifact.Sha256.Length != SHA256.HashSizeInBytes) is { } odd) return Fail($"an image's hash has {odd.Sha256.Length} bytes, a SHA-256 has 32");
        // Sizes are what somebody says: they are added up only where none is beyond all bounds.
        if (artifacts.FirstOrDefault(artifact => artifact.Bytes > (ulong)capacity) is { } large) return Fail($"a part of the image has {large.Bytes >> 20} MiB; the node keeps at most {capacity >> 20} MiB of images");
        long whole = artifacts.Sum(artifact => (long)artifact.Bytes);
        if (whole > capacity) return Fail($"the image has {whole >> 20} MiB; the node keeps at most {capacity >> 20} MiB of images");
        lock (_gate)
        {
            Directory.CreateDirectory(folder);
            List<Artifact> missing = [.. artifacts.DistinctBy(HashOf).Where(artifact => !Learn(artifact).IsUnderWay && !_downloads[HashOf(artifact)].Done)];
            foreach (Artifact artifact in missing)
            {
                Download before = _downloads[HashOf(artifact)];
                if (before.Failure is { } failure && time.GetElapsedTime(before.FailedAt) < s_afterFailure) return Fail(failure);
            }
            // All or nothing: parts that wait for others would hold the room that those wait for.
            if (missing.Count != 0 && !MakeRoom(missing.Sum(artifact => (long)artifact.Bytes), artifacts.Select(HashOf).ToHashSet(StringComparer.Ordinal)))
                return Fail($"the image has {whole >> 20} MiB; the node keeps at most {capacity >> 20} MiB of images and all are awaited");
            foreach (Artifact artifact in missing)
            {
                Download download = _downloads[HashOf(artifact)] = new Download((long)artifact.Bytes) { IsUnderWay = true };
                _ = Task.Run(() => FetchAsync(artifact.Clone(), HashOf(artifact), download));
            }
            foreach (Artifact artifact in artifacts) _downloads[HashOf(artifact)].AskedAt = time.GetTimestamp();
            return [.. artifacts.Select(artifact => Progress(HashOf(artifact)))];
        }

        ImageProgress Progress(string hash) => _downloads[hash] is var download && download.Done ? new ImageProgress(PathOf(hash), download.Bytes, null) : new ImageProgress(null, download.Bytes, null, download.Trouble);

        ImageProgress[] Fail(string why) => [.. artifacts.Select(_ => new ImageProgress(null, 0, why))];
    }

    private static string HashOf(Artifact artifact) => Convert.ToHexStringLower(artifact.Sha256.Span);

    /// <summary>What is known of it; a file that is whole may be that of an agent before this one, and one may be gone.</summary>
    private Download Learn(Artifact artifact)
    {
        string hash = HashOf(artifact);
        bool here = File.Exists(PathOf(hash));
        if (!_downloads.TryGetValue(hash, out Download? download) || (download.Done && !here)) _downloads[hash] = download = new Download((long)artifact.Bytes);
        if (here && !download.IsUnderWay) (download.Done, download.Bytes, download.Failure) = (true, artifact.Bytes, null);
        return download;
    }

    public void Keep(IReadOnlySet<string> hashes)
    {
        lock (_gate)
        {
            _kept = hashes;
            foreach ((string hash, Download download) in _downloads)
            {
                if (download.IsUnderWay && !hashes.Contains(hash)) download.Unwanted.Cancel();
            }
        }
    }

    /// <summary>Drops what nobody wants, then what has been started already; nothing when that would not be enough.</summary>
    /// <param name="own">Hashes of the image that asks: its parts stay.</param>
    private bool MakeRoom(long bytes, HashSet<string> own)
    {
        var files = new DirectoryInfo(folder).GetFiles().OrderBy(file => file.LastAccessTimeUtc).ToList();
        // What is on its way, or about to be, needs all of its room, however little of it is there.
        files.RemoveAll(file => file.Extension == Part && (own.Contains(Named(file)) || IsUnderWay(Named(file))));
        long needed = _downloads.Values.Where(download => download.IsUnderWay).Sum(download => download.Total) + files.Sum(file => file.Length) + bytes - capacity;
        var dropped = new List<FileInfo>();
        foreach (FileInfo file in files.Where(file => !own.Contains(Named(file)) && !(_kept.Contains(Named(file)) && IsAwaited(Named(file)))).OrderBy(file => _kept.Contains(Named(file))))
        {
            if (needed <= 0) break;
            needed -= file.Length;
            dropped.Add(file);
        }
        if (needed > 0) return false;
        foreach (FileInfo file in dropped)
        {
            file.Delete();
            _downloads.Remove(Named(file));
        }
        return true;

        static string Named(FileInfo file) => Path.GetFileNameWithoutExtension(file.Name);
        bool IsUnderWay(string hash) => _downloads.TryGetValue(hash, out Download? download) && download.IsUnderWay;
        bool IsAwaited(string hash) => _downloads.TryGetValue(hash, out Download? download) && download.AskedAt != 0 && time.GetElapsedTime(download.AskedAt) < s_awaited;
    }

    /// <summary>Without the signature that makes a link good: for words that people read.</summary>
    private static string Plain(Artifact artifact) => artifact.Url.Split('?')[0];

    private async Task FetchAsync(Artifact artifact, string hash, Download download)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(_end.Token, download.Unwanted.Token);
        CancellationToken cancel = ending.Token;
        string part = PathOf(hash) + Part;
        long began = time.GetTimestamp();
        try
        {
            while (true)
            {
                try
                {
                    await ContinueAsync(artifact, part, download, cancel).ConfigureAwait(false);
                    break;
                }
                catch (IOException full) when (full.HResult == NoSpace)
                {
                    throw new InvalidDataException($"no room for the image from {Plain(artifact)}: the management partition's memory is full at {download.Bytes} of {artifact.Bytes} bytes", full);
                }
                catch (Exception error) when (error is HttpRequestException or IOException or TimeoutException)
                {
                    download.Trouble = $"{Plain(artifact)}: {error.Message}";
                    log.Warn("images", $"{Plain(artifact)} broke off at {download.Bytes} of {artifact.Bytes} bytes: {error.Message}; trying again");
                    await Task.Delay(s_retry, time, cancel).ConfigureAwait(false);
                }
            }
            double fetched = time.GetElapsedTime(began).TotalSeconds;
            string found = await HashAsync(part, cancel).ConfigureAwait(false);
            if (found != hash) throw new InvalidDataException($"the image from {Plain(artifact)} has the wrong hash: {found}, not {hash}");
            lock (_gate)
            {
                File.Move(part, PathOf(hash), overwrite: true);
                (download.Done, download.IsUnderWay) = (true, false);
            }
            log.Info("images", $"{Plain(artifact)} is here, {artifact.Bytes} bytes, {hash}: fetched in {fetched:0.00} s, checked in {time.GetElapsedTime(began).TotalSeconds - fetched:0.00} s");
        }
        catch (Exception error) when (error is InvalidDataException or UriFormatException or InvalidOperationException or NotSupportedException or IOException or UnauthorizedAccessException)
        {
            File.Delete(part);
            log.Error("images", error.Message);
            lock (_gate)
            {
                download.FailedAt = time.GetTimestamp();
                (download.Failure, download.IsUnderWay) = (error.Message, false);
            }
        }
        catch (OperationCanceledException)
        {
            // Nobody wants it any more, or the agent ends; the part stays as long as there is room, and who wants it later goes on from it.
            lock (_gate) _downloads.Remove(hash);
        }
    }

    /// <summary>Fetches from where the part ends.</summary>
    private async Task ContinueAsync(Artifact artifact, string part, Download download, CancellationToken cancel)
    {
        using var file = new FileStream(part, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read, 0);
        if (file.Length > (long)artifact.Bytes) file.SetLength(0);
        file.Position = file.Length;
        download.Bytes = (ulong)file.Length;
        if (file.Length == (long)artifact.Bytes) return;
        using var request = new HttpRequestMessage(HttpMethod.Get, artifact.Url);
        if (file.Length != 0) request.Headers.Range = new RangeHeaderValue(file.Length, null);
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        silence.CancelAfter(s_silence);
        try
        {
            using HttpResponseMessage response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, silence.Token).ConfigureAwait(false);
            if (response.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Gone or HttpStatusCode.Forbidden or HttpStatusCode.Unauthorized)
                throw new InvalidDataException($"{Plain(artifact)} answers {(int)response.StatusCode} {response.ReasonPhrase}");
            if (response.StatusCode == HttpStatusCode.OK && file.Length != 0)
            {
                file.SetLength(0);
                file.Position = 0;
                download.Bytes = 0;
            }
            response.EnsureSuccessStatusCode();
            using Stream body = await response.Content.ReadAsStreamAsync(silence.Token).ConfigureAwait(false);
            byte[] buffer = new byte[64 << 10];
            while (true)
            {
                silence.CancelAfter(s_silence);
                int count = await body.ReadAsync(buffer, silence.Token).ConfigureAwait(false);
                if (count == 0) break;
                if (download.Bytes + (ulong)count > artifact.Bytes) throw new InvalidDataException($"{Plain(artifact)} has more than the {artifact.Bytes} bytes announced");
                file.Write(buffer, 0, count);
                download.Bytes += (ulong)count;
                download.Trouble = null;
            }
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new TimeoutException($"nothing came for {s_silence.TotalSeconds:0} s");
        }
        if (download.Bytes < artifact.Bytes) throw new IOException("the connection ended early");
    }

    private static async Task<string> HashAsync(string path, CancellationToken cancel)
    {
        using FileStream file = File.OpenRead(path);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(file, cancel).ConfigureAwait(false));
    }

    public void Dispose()
    {
        _end.Cancel();
        _end.Dispose();
    }
}
