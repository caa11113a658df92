using Osv.Web.Hosting;

namespace Osv.Web.Images;

/// <summary>Reads a stream from its present position, after bytes that were looked at before, and refuses when it is longer than allowed.</summary>
internal sealed class LimitedStream(Stream inner, long most, string name, byte[]? before = null) : Stream
{
    private int _replayed;
    private long _read;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => _read; set => throw new NotSupportedException(); }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (before is not null && _replayed < before.Length)
        {
            int replay = Math.Min(buffer.Length, before.Length - _replayed);
            before.AsMemory(_replayed, replay).CopyTo(buffer);
            _replayed += replay;
            return Count(replay);
        }
        return Count(await inner.ReadAsync(buffer, cancellationToken));
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("read it asynchronously");

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private int Count(int bytes)
    {
        _read += bytes;
        return _read <= most ? bytes : throw new RefusalException(StatusCodes.Status413PayloadTooLarge, $"{name} is larger than {most} bytes, the most that is taken");
    }
}
