using System.IO.MemoryMappedFiles;
using Osv.Agent.Notes;
using Osv.Agent.Partitions;
using Osv.Contracts.ControlDevice;

namespace Osv.Agent.Consoles;

/// <summary>
/// The last bytes of a partition's console, in a file in memory that outlives the agent. Positions count from the partition's
/// creation. The position in the file is the only state: the ring of the control device is set from it, so a byte is neither
/// lost nor taken twice when the agent is killed between the two. Not thread-safe.
/// </summary>
public sealed class Backlog : IDisposable
{
    public const int Bytes = 256 << 10;
    private const uint Again = ControlLayout.ConsoleOutputBytes / 2;
    private const int HeaderBytes = 64, InstanceAt = 0, HeadAt = 8, LostAt = 16, OldestAt = 24;
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly uint _base;

    /// <exception cref="IOException">There is no memory for it.</exception>
    public Backlog(string folder, PartitionNote note, ControlDevice device)
    {
        Directory.CreateDirectory(folder);
        _base = note.ConsoleBase;
        Partition = note.Partition;
        TenantId = note.TenantId;
        Instance = note.Instance;
        string path = Path.Combine(folder, $"{note.Partition}");
        using (var stream = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0))
        {
            // Written out, so that all of its memory is there: a page that could not be had later would end the agent.
            if (stream.Length != HeaderBytes + Bytes) stream.Write(new byte[HeaderBytes + Bytes]);
        }
        _file = MemoryMappedFile.CreateFromFile(path, FileMode.Open);
        _view = _file.CreateViewAccessor();
        if (_view.ReadUInt64(InstanceAt) != note.Instance)
        {
            // A new partition, or a management Linux that knows nothing of what the one before has read. That is in the ring still: half a ring, what nobody has
            // read included, is taken again, its last words with it; the other half is room for what comes meanwhile.
            _view.Write(InstanceAt, 0UL);
            ref ConsoleHeader console = ref device.ConsoleHeader(note.Partition);
            uint taken = unchecked(console.OutputTail - _base), unread = unchecked(Volatile.Read(ref console.OutputHead) - console.OutputTail);
            ulong start = taken - Math.Min(taken, Again - Math.Min(unread, Again));
            _view.Write(HeadAt, start);
            _view.Write(OldestAt, start);
            // What was told before is told once more: better than a gap that nobody sees.
            _view.Write(LostAt, note.ConsoleLost);
            Thread.MemoryBarrier();
            _view.Write(InstanceAt, note.Instance);
        }
        LostBefore = Lost;
    }

    public int Partition { get; }
    public string TenantId { get; }
    public ulong Instance { get; }

    /// <summary>Position behind the last byte.</summary>
    public ulong Head => _view.ReadUInt64(HeadAt);

    /// <summary>Bytes that the monitor had to drop so far, because its ring was full.</summary>
    public uint Lost => _view.ReadUInt32(LostAt);

    /// <summary>How many of those have been told.</summary>
    public uint LostBefore { get; set; }

    /// <summary>Up to where it has been sent.</summary>
    public ulong Sent { get; set; }

    /// <summary>
    /// The ring counts its bytes modulo 2^32, and a backlog begun anew knows no more than that: moves all positions to those that the control plane knows.
    /// </summary>
    /// <param name="known">A position near the head.</param>
    public void Align(ulong known)
    {
        ulong head = Head, moved = unchecked(known + (ulong)(int)((uint)head - (uint)known));
        if (moved <= head) return;
        // Bytes divides 2^32, so every byte stays where it is.
        _view.Write(OldestAt, _view.ReadUInt64(OldestAt) + (moved - head));
        _view.Write(HeadAt, moved);
    }

    /// <summary>Takes what is in the ring; the number of bytes.</summary>
    public int Fill(ControlDevice device, byte[] buffer)
    {
        ulong head = Head;
        device.TakeConsole(Partition, unchecked(_base + (uint)head));
        int count = device.PeekConsole(Partition, buffer);
        if (count == 0) return 0;
        int at = (int)(head % Bytes), first = Math.Min(count, Bytes - at);
        _view.WriteArray(HeaderBytes + at, buffer, 0, first);
        _view.WriteArray(HeaderBytes, buffer, first, count - first);
        Thread.MemoryBarrier();
        _view.Write(HeadAt, head + (ulong)count);
        device.TakeConsole(Partition, unchecked(_base + (uint)head + (uint)count));
        _view.Write(LostAt, device.ConsoleHeader(Partition).OutputLost);
        return count;
    }

    /// <summary>Bytes from a position on; where that has been overwritten, from the oldest there is.</summary>
    /// <param name="position">Moved to the first byte that is returned.</param>
    public byte[] Read(ref ulong position, int most)
    {
        ulong head = Head, oldest = Math.Max(_view.ReadUInt64(OldestAt), head > Bytes ? head - Bytes : 0);
        position = Math.Clamp(position, oldest, head);
        var bytes = new byte[Math.Min((ulong)most, head - position)];
        int at = (int)(position % Bytes), first = Math.Min(bytes.Length, Bytes - at);
        _view.ReadArray(HeaderBytes + at, bytes, 0, first);
        _view.ReadArray(HeaderBytes, bytes, first, bytes.Length - first);
        return bytes;
    }

    public void Dispose()
    {
        _view.Dispose();
        _file.Dispose();
    }
}
