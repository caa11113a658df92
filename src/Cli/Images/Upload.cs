using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using Osv.Cli.CommandLine;

namespace Osv.Cli.Images;

/// <summary>A form with files, sent as a stream while its progress is told.</summary>
internal sealed class Upload(Progress progress) : IDisposable
{
    private readonly List<UploadedFile> _files = [];

    public MultipartFormDataContent Form { get; } = [];

    public void AddField(string name, string value) => Form.Add(new StringContent(value), name);

    /// <exception cref="CommandException">The file cannot be read.</exception>
    public UploadedFile AddFile(string part, FileInfo file)
    {
        FileStream stream = Files.OpenRead(file, $"--{part}");
        var content = new UploadedFile(file.FullName, stream, Report);
        _files.Add(content);
        Form.Add(content, part, file.Name);
        return content;
    }

    public void Dispose() => Form.Dispose();

    private void Report()
    {
        long sent = _files.Sum(file => file.Sent), all = _files.Sum(file => file.Size);
        progress.Report("uploading", string.Create(CultureInfo.InvariantCulture, $" {Sizes.Format(sent)} of {Sizes.Format(all)}, {(all == 0 ? 100 : sent * 100 / all)} %"));
    }
}

/// <summary>A file on its way to the server.</summary>
internal sealed class UploadedFile : HttpContent
{
    private const int PieceBytes = 1 << 16;

    private readonly FileStream _stream;
    private readonly Action _report;

    public UploadedFile(string path, FileStream stream, Action report)
    {
        Path = path;
        _stream = stream;
        _report = report;
        Size = stream.Length;
        Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
    }

    public string Path { get; }

    /// <summary>Bytes.</summary>
    public long Size { get; }

    public long Sent { get; private set; }

    /// <summary>Of what was sent, in hexadecimal; empty before all of it was.</summary>
    public string Sha256 { get; private set; } = "";

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] piece = new byte[PieceBytes];
        int read;
        while ((read = await _stream.ReadAsync(piece, cancellationToken).ConfigureAwait(false)) > 0)
        {
            hash.AppendData(piece, 0, read);
            await stream.WriteAsync(piece.AsMemory(0, read), cancellationToken).ConfigureAwait(false);
            Sent += read;
            _report();
        }
        Sha256 = Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override bool TryComputeLength(out long length)
    {
        length = Size;
        return true;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing) _stream.Dispose();
        base.Dispose(disposing);
    }
}
