using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Osv.Contracts.ControlDevice;

namespace Osv.Agent.Partitions;

/// <summary>An operation that the monitor refused, with its reason.</summary>
public sealed class ControlException : Exception
{
    public ControlException(ControlOperation operation, uint partition, ControlStatus status, uint index)
        : base($"the monitor refused {operation} of partition {partition}: {status} (item {index} of the request)")
    {
        Operation = operation;
        Status = status;
    }

    public ControlOperation Operation { get; }
    public ControlStatus Status { get; }
}

/// <summary>
/// The monitor's control device, through the resource files that Linux shows for its PCI function.
/// Not thread-safe: the device has one request page.
/// </summary>
public sealed unsafe partial class ControlDevice : IDisposable
{
    private readonly Action<uint> _ring;
    private readonly IDisposable? _doorbell;
    private readonly byte* _shared;
    private readonly byte* _window;

    /// <param name="ring">Writes the doorbell and returns when the monitor has answered.</param>
    /// <param name="doorbell">What to dispose with the device.</param>
    internal ControlDevice(Action<uint> ring, IDisposable? doorbell, byte* shared, byte* window)
    {
        _ring = ring;
        _doorbell = doorbell;
        _shared = shared;
        _window = window;
    }

    /// <summary>Finds the function by vendor and device and maps it.</summary>
    /// <exception cref="InvalidOperationException">There is none, or it speaks another version.</exception>
    public static ControlDevice Open(string pciRoot = "/sys/bus/pci/devices")
    {
        foreach (string function in Directory.EnumerateDirectories(pciRoot))
        {
            if (ReadHex(Path.Combine(function, "vendor")) != ControlLayout.VendorId || ReadHex(Path.Combine(function, "device")) != ControlLayout.DeviceId) continue;
            SafeFileHandle doorbell = File.OpenHandle(Path.Combine(function, "resource0"), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            byte* shared = Map(Path.Combine(function, "resource2_wc"), ControlLayout.SharedBytes);
            byte* window = Map(Path.Combine(function, "resource4_wc"), ControlLayout.WindowBytes);
            var device = new ControlDevice(operation => Ring(doorbell, operation), doorbell, shared, window);
            if (device.Header.Magic != ControlLayout.Magic || device.Header.AbiVersion != ControlLayout.AbiVersion)
            {
                throw new InvalidOperationException($"the control device at {function} speaks version {device.Header.AbiVersion}, this program {ControlLayout.AbiVersion}: boot monitor and agent from one node image");
            }
            return device;
        }
        throw new InvalidOperationException($"no PCI function {ControlLayout.VendorId:x4}:{ControlLayout.DeviceId:x4} under {pciRoot}: this is not a management partition of the OSV monitor");
    }

    public ref ControlHeader Header => ref *(ControlHeader*)(_shared + ControlLayout.HeaderOffset);

    /// <summary>
    /// Says that partition 0 is alive (<see cref="ControlHeader.Beat"/>). Once begun this must go on, at least twice a minute,
    /// until <see cref="EndBeat"/>.
    /// </summary>
    public void Beat()
    {
        uint next = unchecked(Header.Beat + 1);
        Volatile.Write(ref Header.Beat, next == 0 ? 1 : next);
    }

    /// <summary>The agent goes in order: nobody has to miss it.</summary>
    public void EndBeat() => Volatile.Write(ref Header.Beat, 0);

    public ReadOnlySpan<CoreEntry> Cores => new(_shared + ControlLayout.CoreTableOffset, (int)Header.CoreCount);
    public ReadOnlySpan<MemoryEntry> Memory => new(_shared + ControlLayout.MemoryTableOffset, (int)Header.MemoryCount);
    /// <summary>The node's PCI functions that can have an owner.</summary>
    public ReadOnlySpan<FunctionEntry> Functions => new(_shared + ControlLayout.FunctionTableOffset, (int)Header.FunctionCount);
    public ReadOnlySpan<PartitionEntry> Partitions => new(_shared + ControlLayout.PartitionTableOffset, ControlLayout.MaxPartitions);

    /// <summary>The memory of one partition, partition 0 too.</summary>
    public ReadOnlySpan<MemoryExtent> Extents(int partition) =>
        new((MemoryExtent*)(_shared + ControlLayout.ExtentTableOffset) + partition * ControlLayout.MaxExtents, (int)Partitions[partition].ExtentCount);

    /// <summary>Memory for the agent's own notes: it outlives the agent and the management Linux.</summary>
    public Span<byte> Notes => new(_shared + ControlLayout.NotesOffset, (int)ControlLayout.NotesBytes);

    /// <summary>The request page, to be filled before <see cref="Execute"/>.</summary>
    public ref ControlRequest Request => ref *(ControlRequest*)(_shared + ControlLayout.RequestOffset);

    /// <summary>The load window; shows a partition's memory between Load and Start, else nothing.</summary>
    public Span<byte> Window(ulong offset, int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, ControlLayout.WindowBytes - (ulong)bytes);
        return new Span<byte>(_window + offset, bytes);
    }

    public ControlStatus TryExecute(ControlOperation operation, out uint index)
    {
        _ring((uint)operation);
        var reply = (ControlReply*)(_shared + ControlLayout.ReplyOffset);
        index = reply->Index;
        return (ControlStatus)Volatile.Read(ref reply->Status);
    }

    public void Execute(ControlOperation operation)
    {
        ControlStatus status = TryExecute(operation, out uint index);
        if (status != ControlStatus.Ok) throw new ControlException(operation, Request.Partition, status, index);
    }

    /// <summary>Event number <paramref name="sequence"/> (from 1), or null when it has not happened or was overwritten.</summary>
    public EventEntry? Event(ulong sequence)
    {
        var entry = (EventEntry*)(_shared + ControlLayout.EventRingOffset) + (int)((sequence - 1) % ControlLayout.EventRingEntries);
        if (Volatile.Read(ref entry->Sequence) != sequence) return null;
        EventEntry copy = *entry;
        return Volatile.Read(ref entry->Sequence) == sequence ? copy : null;
    }

    private byte* ConsoleBlock(int partition) => _shared + ControlLayout.ConsoleOffset + (uint)partition * ControlLayout.ConsoleBytes;

    public ref ConsoleHeader ConsoleHeader(int partition) => ref *(ConsoleHeader*)ConsoleBlock(partition);

    /// <summary>Copies what the partition has printed and nobody has taken, without taking it; the number of bytes.</summary>
    public int PeekConsole(int partition, Span<byte> buffer)
    {
        byte* block = ConsoleBlock(partition);
        ref ConsoleHeader header = ref ConsoleHeader(partition);
        uint head = Volatile.Read(ref header.OutputHead);
        int count = 0;
        for (uint at = header.OutputTail; at != head && count < buffer.Length; at++)
        {
            buffer[count++] = block[ControlLayout.ConsoleOutputOffset + (at & (ControlLayout.ConsoleOutputBytes - 1))];
        }
        return count;
    }

    /// <summary>Takes bytes that were looked at: up to position <paramref name="tail"/>.</summary>
    public void TakeConsole(int partition, uint tail) => Volatile.Write(ref ConsoleHeader(partition).OutputTail, tail);

    /// <summary>Takes what the partition has printed; the number of bytes.</summary>
    public int ReadConsole(int partition, Span<byte> buffer)
    {
        int count = PeekConsole(partition, buffer);
        TakeConsole(partition, ConsoleHeader(partition).OutputTail + (uint)count);
        return count;
    }

    /// <summary>
    /// Types into the partition's console; the number of bytes that fitted. The guest is told when it runs;
    /// what is typed before waits for it.
    /// </summary>
    public int WriteConsole(int partition, ReadOnlySpan<byte> text)
    {
        byte* block = ConsoleBlock(partition);
        var header = (ConsoleHeader*)block;
        uint tail = Volatile.Read(ref header->InputTail), head = header->InputHead;
        int count = 0;
        for (; head - tail < ControlLayout.ConsoleInputBytes && count < text.Length; head++)
        {
            block[ControlLayout.ConsoleInputOffset + (head & (ControlLayout.ConsoleInputBytes - 1))] = text[count++];
        }
        Volatile.Write(ref header->InputHead, head);
        Request.Partition = (uint)partition;
        ControlStatus status = TryExecute(ControlOperation.Console, out uint index);
        if (status is not (ControlStatus.Ok or ControlStatus.WrongState)) throw new ControlException(ControlOperation.Console, (uint)partition, status, index);
        return count;
    }

    public void Dispose() => _doorbell?.Dispose();

    private static void Ring(SafeFileHandle doorbell, uint operation)
    {
        Span<byte> word = stackalloc byte[4];
        MemoryMarshal.Write(word, operation);
        RandomAccess.Write(doorbell, word, 0);
    }

    private static uint ReadHex(string file) => uint.Parse(File.ReadAllText(file).AsSpan().Trim()[2..], NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    private static byte* Map(string file, ulong bytes)
    {
        const int ReadWrite = 3, Shared = 1;
        if (!File.Exists(file)) file = file.Replace("_wc", string.Empty, StringComparison.Ordinal);
        using SafeFileHandle handle = File.OpenHandle(file, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        nint address = MapMemory(0, (nuint)bytes, ReadWrite, Shared, handle, 0);
        if (address == -1) throw new IOException($"{file} cannot be mapped: {Marshal.GetLastPInvokeErrorMessage()}");
        return (byte*)address;
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint MapMemory(nint address, nuint bytes, int protection, int flags, SafeFileHandle file, long offset);
}
