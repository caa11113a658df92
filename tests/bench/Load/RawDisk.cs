using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Osv.Bench.Load;

/// <summary>A disk that is read past the kernel's cache.</summary>
internal sealed unsafe class RawDisk : IDisposable
{
    /// <summary>What one read can ask for.</summary>
    public const int LeastBytes = 4096, MostBytes = 1 << 20;
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    private readonly SafeFileHandle _file;
    private readonly byte* _buffer = (byte*)NativeMemory.AlignedAlloc(MostBytes, LeastBytes);

    public RawDisk(string path)
    {
        // The kernel looks for its disks beside init.
        if (!SpinWait.SpinUntil(() => File.Exists(path), s_limit)) throw new TimeoutException($"there is no {path}");
        _file = Linux.OpenDirect(path);
    }

    public void Read(long offset, int bytes)
    {
        int read = RandomAccess.Read(_file, new Span<byte>(_buffer, bytes), offset);
        if (read != bytes) throw new IOException($"{read} of {bytes} bytes at {offset}");
    }

    public void Dispose()
    {
        _file.Dispose();
        NativeMemory.AlignedFree(_buffer);
    }
}
