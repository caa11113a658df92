using System.Runtime.InteropServices;
using Osv.Agent.Partitions;
using Osv.Contracts.ControlDevice;
using Osv.Monitor.Policy;

namespace Osv.Agent.Tests;

/// <summary>
/// The monitor's own policy, compiled from the files of the ring-0 image, behind a control device in ordinary memory. Cores act
/// on their requests at once; what a guest does, the test does in its stead.
/// </summary>
internal sealed unsafe class SimulatedMonitor : IDisposable
{
    /// <summary>Host memory that can be given away: 16 MiB up to here.</summary>
    public const ulong FirstAddress = 16UL << 20;

    [ThreadStatic]
    private static SimulatedMonitor? t_current;

    private readonly byte* _shared = (byte*)NativeMemory.AllocZeroed(ControlLayout.SharedBytes);
    private readonly byte* _window;
    private readonly Core[] _cores;
    private readonly Partition[] _partitions = new Partition[ControlLayout.MaxPartitions];
    private readonly MemoryExtent[] _extents = new MemoryExtent[ControlLayout.MaxPartitions * ControlLayout.MaxExtents];
    private readonly MemoryEntry[] _memory;
    private readonly ushort[] _open = [Machine.Nobody];
    private readonly uint[] _cells;
    private PciFunction[] _functions = [];
    private uint[] _classes = [];
    private ulong _tsc = 1_000_000;

    /// <summary>Called with each operation before it is carried out: a test can die here.</summary>
    public Action<ControlOperation>? Before { get; set; }

    /// <summary>Called after it.</summary>
    public Action<ControlOperation>? After { get; set; }
    public List<ControlOperation> Operations { get; } = [];

    /// <summary>The request page as it is now.</summary>
    public ref readonly ControlRequest Asked => ref *(ControlRequest*)(_shared + ControlLayout.RequestOffset);

    /// <param name="cells">Memory of each NUMA cell, MiB; cores are spread over them.</param>
    public SimulatedMonitor(int cores, params ulong[] cells)
    {
        _window = (byte*)MapWindow();
        _cores = [.. Enumerable.Range(0, cores).Select(i => new Core { ApicId = (uint)i, PhysicalCore = (uint)i, Partition = Machine.Nobody })];
        _cells = [.. Enumerable.Range(0, cores).Select(i => (uint)(i * cells.Length / cores))];
        ulong at = FirstAddress;
        _memory = new MemoryEntry[cells.Length];
        for (int i = 0; i < cells.Length; i++)
        {
            _memory[i] = new MemoryEntry { HostAddress = at, Bytes = cells[i] << 20, Cell = (uint)i };
            at += cells[i] << 20;
        }
        Header.Magic = ControlLayout.Magic;
        Header.AbiVersion = ControlLayout.AbiVersion;
        Header.CoreCount = (uint)cores;
        Header.MemoryCount = (uint)cells.Length;
        Header.TscKilohertz = 1_000_000;
        MakeManagement();
        Publish();
    }

    private ref ControlHeader Header => ref *(ControlHeader*)(_shared + ControlLayout.HeaderOffset);
    private Machine Machine => new(_cores, _partitions, _extents, _memory, _functions, _open);

    /// <summary>A device as an agent opens it. Any number can be open; the monitor outlives them.</summary>
    public ControlDevice Open() => new(Ring, null, _shared, _window);

    public Core[] Cores => _cores;

    /// <summary>The node has this PCI function too; nobody owns it.</summary>
    public void Plug(ushort address, uint @class, ushort group, bool assignable = true)
    {
        _functions = [.. _functions, new PciFunction { Address = address, Group = group, Partition = Machine.Nobody, IsAssignable = assignable }];
        _classes = [.. _classes, @class];
        Publish();
    }

    /// <summary>Functions of a partition, in the order of the node's.</summary>
    public ushort[] FunctionsOf(int partition) => [.. _functions.Where(function => function.Partition == partition).Select(function => function.Address)];
    public uint Beat => Volatile.Read(ref Header.Beat);
    public PartitionState StateOf(int partition) => _partitions[partition].State;
    public int Existing => _partitions.Skip(1).Count(partition => partition.State != PartitionState.Absent);

    private void MakeManagement()
    {
        ref ControlRequest request = ref *(ControlRequest*)(_shared + ControlLayout.RequestOffset);
        request.CoreCount = 1;
        request.ExtentCount = 1;
        request.Extents[1] = FirstAddress;
        request.Extents[2] = 64 << 20;
        In(() => ControlPolicy.CreateAt<Hardware>(Machine, 0, in *(ControlRequest*)(_shared + ControlLayout.RequestOffset), out _)).ShouldBe(ControlStatus.Ok);
        Settle();
        In(() =>
        {
            Lifecycle.Start<Hardware>(Machine, 0);
            return 0;
        });
        Settle();
    }

    private T In<T>(Func<T> act)
    {
        t_current = this;
        return act();
    }

    private void Ring(uint operation)
    {
        Before?.Invoke((ControlOperation)operation);
        Operations.Add((ControlOperation)operation);
        uint index = 0;
        ControlStatus status = In(() => ControlPolicy.Execute<Hardware>(Machine, operation, in *(ControlRequest*)(_shared + ControlLayout.RequestOffset), out index));
        Settle();
        if (operation == (uint)ControlOperation.Probe && status == ControlStatus.Ok) AnswerProbe((int)Asked.Partition);
        var reply = (ControlReply*)(_shared + ControlLayout.ReplyOffset);
        reply->Operation = operation;
        reply->Index = index;
        reply->Status = (uint)status;
        After?.Invoke((ControlOperation)operation);
    }

    /// <summary>Every core does what its requests ask, until none is left.</summary>
    private void Settle() => In(() =>
    {
        for (bool busy = true; busy;)
        {
            busy = false;
            for (int i = 0; i < _cores.Length; i++)
            {
                int partition = _cores[i].Partition;
                if (_cores[i].Requests == Request.None && !(partition != Machine.Nobody && _partitions[partition].State == PartitionState.Scrubbing && _partitions[partition].BootCore == i)) continue;
                switch (Lifecycle.Next(Machine, i, mayTakeNmi: true))
                {
                    case CoreAction.ScrubCore: Lifecycle.CoreIsBack<Hardware>(Machine, i); busy = true; break;
                    case CoreAction.ScrubMemory: ClearWindow(); Lifecycle.MemoryIsClean<Hardware>(Machine, partition); busy = true; break;
                    case CoreAction.EnterStart: busy = true; break;
                }
            }
        }
        Publish();
        return 0;
    });

    /// <summary>The guest ends in this way.</summary>
    public void End(int partition, StopCause cause)
    {
        In(() => Lifecycle.Stop<Hardware>(Machine, partition, cause)).ShouldBeTrue($"partition {partition} runs");
        Settle();
    }

    public void Report(EventKind kind, int partition, StopCause cause = StopCause.None)
    {
        ulong number = Header.EventCount + 1;
        var entry = (EventEntry*)(_shared + ControlLayout.EventRingOffset) + (int)((number - 1) % ControlLayout.EventRingEntries);
        *entry = new EventEntry { Sequence = number, Tsc = _tsc++, Kind = (uint)kind, Cause = (uint)cause, Partition = (uint)partition };
        Header.EventCount = number;
    }

    /// <summary>The guest prints.</summary>
    public void Print(int partition, string text)
    {
        byte* block = _shared + ControlLayout.ConsoleOffset + (uint)partition * ControlLayout.ConsoleBytes;
        var header = (ConsoleHeader*)block;
        foreach (char letter in text)
        {
            if (header->OutputHead - header->OutputTail >= ControlLayout.ConsoleOutputBytes)
            {
                header->OutputLost++;
                continue;
            }
            block[ControlLayout.ConsoleOutputOffset + (header->OutputHead & (ControlLayout.ConsoleOutputBytes - 1))] = (byte)letter;
            header->OutputHead++;
        }
    }

    /// <summary>What a probe finds on a core: at first an idle kernel.</summary>
    public Func<int, (ulong Rip, bool InterruptsOn)> Found { get; set; } = _ => (0xFFFF_FFFF_8100_1000, true);

    /// <summary>Whether the next probe finds a program.</summary>
    public Func<bool> InUserMode { get; set; } = () => false;

    private void AnswerProbe(int partition)
    {
        for (int i = 0; i < _cores.Length; i++)
        {
            if (_cores[i].Partition != partition || _cores[i].Mode != CoreMode.Running) continue;
            CoreEntry* entry = (CoreEntry*)(_shared + ControlLayout.CoreTableOffset) + i;
            (entry->ProbeRip, bool on) = Found(i);
            entry->ProbeInterruptsOn = on ? 1u : 0;
            entry->ProbeCpl = InUserMode() ? (byte)3 : (byte)0;
            entry->ProbeCount++;
        }
    }

    /// <summary>What was typed and the guest has not read.</summary>
    public string Typed(int partition)
    {
        byte* block = _shared + ControlLayout.ConsoleOffset + (uint)partition * ControlLayout.ConsoleBytes;
        var header = (ConsoleHeader*)block;
        var text = new System.Text.StringBuilder();
        for (; header->InputTail != header->InputHead; header->InputTail++) text.Append((char)block[ControlLayout.ConsoleInputOffset + (header->InputTail & (ControlLayout.ConsoleInputBytes - 1))]);
        return text.ToString();
    }

    /// <summary>What a loader left at a guest address, seen through the window.</summary>
    public ReadOnlySpan<byte> Loaded(ulong address, int bytes) => new(_window + address, bytes);

    private void Publish()
    {
        for (int i = 0; i < _cores.Length; i++)
        {
            CoreEntry* entry = (CoreEntry*)(_shared + ControlLayout.CoreTableOffset) + i;
            entry->ApicId = _cores[i].ApicId;
            entry->Cell = _cells[i];
            entry->PhysicalCore = _cores[i].PhysicalCore;
            entry->Partition = _cores[i].Partition;
            entry->Mode = (uint)_cores[i].Mode;
        }
        Header.HasIommu = 1;
        Header.FunctionCount = (uint)_functions.Length;
        for (int i = 0; i < _functions.Length; i++)
        {
            ref readonly PciFunction function = ref _functions[i];
            ((FunctionEntry*)(_shared + ControlLayout.FunctionTableOffset))[i] = new FunctionEntry
            {
                Address = function.Address, Partition = function.Partition, Group = function.Group, IsAssignable = function.IsAssignable ? (ushort)1 : (ushort)0, Vendor = 0x1B36, Device = 0x0010, Class = _classes[i],
            };
        }
        for (int i = 0; i < _memory.Length; i++) ((MemoryEntry*)(_shared + ControlLayout.MemoryTableOffset))[i] = _memory[i];
        for (int i = 0; i < _partitions.Length; i++)
        {
            PartitionEntry* entry = (PartitionEntry*)(_shared + ControlLayout.PartitionTableOffset) + i;
            entry->State = (uint)_partitions[i].State;
            entry->CoreCount = _partitions[i].CoreCount;
            entry->ExtentCount = _partitions[i].ExtentCount;
            entry->LastCause = (uint)_partitions[i].Cause;
            MemoryExtent* extents = (MemoryExtent*)(_shared + ControlLayout.ExtentTableOffset) + i * ControlLayout.MaxExtents;
            entry->MemoryBytes = 0;
            for (int k = 0; k < _partitions[i].ExtentCount; k++)
            {
                extents[k] = _extents[i * ControlLayout.MaxExtents + k];
                entry->MemoryBytes += extents[k].Bytes;
            }
        }
    }

    /// <summary>All partitions' memory is in one place here.</summary>
    private void ClearWindow()
    {
        const int DontNeed = 4;
        _ = madvise((nint)_window, (nuint)ControlLayout.WindowBytes, DontNeed);
    }

    /// <summary>Address space for a gibibyte, of which only what is touched becomes memory.</summary>
    private static nint MapWindow()
    {
        const int ReadWrite = 3, PrivateAnonymousNoReserve = 0x4022;
        return mmap(0, (nuint)ControlLayout.WindowBytes, ReadWrite, PrivateAnonymousNoReserve, -1, 0);
    }

    public void Dispose()
    {
        NativeMemory.Free(_shared);
        _ = munmap((nint)_window, (nuint)ControlLayout.WindowBytes);
    }

    [DllImport("libc")]
    private static extern nint mmap(nint address, nuint bytes, int protection, int flags, int file, long offset);

    [DllImport("libc")]
    private static extern int madvise(nint address, nuint bytes, int advice);

    [DllImport("libc")]
    private static extern int munmap(nint address, nuint bytes);

    private readonly struct Hardware : IHardware
    {
        public static void Kick(int core)
        {
        }

        public static void SendInterrupt(uint apicId, byte vector)
        {
        }

        public static bool MapPartition(int partition) => true;

        public static void UnmapPartition(int partition)
        {
        }

        public static void AttachFunctions(int partition)
        {
        }

        public static void DetachFunctions(int partition)
        {
        }

        public static void TakeDeviceEvents()
        {
        }

        public static void OpenWindow(int partition, ulong guestAddress)
        {
        }

        public static void CloseWindow()
        {
        }

        public static void ConsoleInput(int partition)
        {
        }

        public static void Report(EventKind kind, StopCause cause, int partition, int core) => t_current!.Report(kind, partition, cause);

        public static void PowerNode(bool off)
        {
        }
    }
}
