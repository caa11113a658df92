using System.Diagnostics;
using System.Text;
using Osv.Agent.Partitions;
using Osv.Contracts.BootInterface;
using Osv.Contracts.ControlDevice;

namespace Osv.Ring0.Driver;

/// <summary>What scenarios are written in: make, load, start, wait, each with a deadline.</summary>
internal sealed class Workbench : IDisposable
{
    private readonly Dictionary<uint, StringBuilder> _consoles = [];
    private readonly Dictionary<uint, (GuestCore[] Cores, MemoryExtent[] Memory, uint[] MemoryCells)> _made = [];
    private readonly HashSet<uint> _withFunctions = [];
    private readonly byte[] _kernel = File.ReadAllBytes("/tenant/kernel");
    private readonly byte[] _initrd = File.ReadAllBytes("/tenant/initrd");
    private ulong _memoryTop;
    private ulong _events;

    public Workbench()
    {
        Device = ControlDevice.Open();
        MemoryEntry largest = default;
        foreach (MemoryEntry entry in Device.Memory)
        {
            if (entry.Bytes > largest.Bytes) largest = entry;
        }
        _memoryTop = largest.HostAddress + largest.Bytes;
        _events = Device.Header.EventCount;
        Console.WriteLine($"NODE cores={Device.Header.CoreCount} tsc={Device.Header.TscKilohertz} trusted={Device.Header.TrustedBytes}");
    }

    public ControlDevice Device { get; }

    public uint[] FreeCores
    {
        get
        {
            Device.Execute(ControlOperation.Topology);
            var free = new List<uint>();
            foreach (CoreEntry core in Device.Cores)
            {
                if (core.Partition == 0xFFFF) free.Add(core.ApicId);
            }
            return [.. free];
        }
    }

    /// <summary>Functions that a tenant can have and nobody has.</summary>
    public ushort[] FreeFunctions
    {
        get
        {
            var free = new List<ushort>();
            foreach (FunctionEntry function in Device.Functions)
            {
                if (function.IsAssignable == 1 && function.Partition == 0xFFFF) free.Add(function.Address);
            }
            return [.. free];
        }
    }

    /// <summary>The top of a cell's largest range that partition 0 does not use, as an extent at this guest address.</summary>
    public MemoryExtent TakeMemoryOfCell(uint cell, ulong mebibytes, ulong guestAddress)
    {
        MemoryEntry largest = default;
        foreach (MemoryEntry entry in Device.Memory)
        {
            if (entry.Cell == cell && entry.Bytes > largest.Bytes) largest = entry;
        }
        Check(largest.Bytes >= mebibytes << 20, $"cell {cell} has a range of {mebibytes} MiB; the largest has {largest.Bytes >> 20}");
        return new MemoryExtent { GuestAddress = guestAddress, HostAddress = largest.HostAddress + largest.Bytes - (mebibytes << 20), Bytes = mebibytes << 20 };
    }

    /// <summary>Memory is cut from the top of the largest range: partition 0 lies at the bottom of the first.</summary>
    public MemoryExtent TakeMemory(ulong mebibytes)
    {
        _memoryTop -= mebibytes << 20;
        return new MemoryExtent { GuestAddress = 0, HostAddress = _memoryTop, Bytes = mebibytes << 20 };
    }

    /// <summary>Whole gibibytes above 4 GiB, so that the nested tables can have leaves as large.</summary>
    public MemoryExtent TakeWholeGibibytes(ulong count)
    {
        const ulong Gibibyte = 1UL << 30;
        foreach (MemoryEntry entry in Device.Memory)
        {
            ulong start = (Math.Max(entry.HostAddress, 4 * Gibibyte) + Gibibyte - 1) / Gibibyte * Gibibyte;
            if (start + count * Gibibyte <= entry.HostAddress + entry.Bytes) return new MemoryExtent { GuestAddress = 0, HostAddress = start, Bytes = count * Gibibyte };
        }
        throw new InvalidOperationException($"no range above 4 GiB has {count} whole GiB");
    }

    public unsafe void FillCreate(uint partition, ReadOnlySpan<uint> cores, ReadOnlySpan<MemoryExtent> memory)
    {
        ref ControlRequest request = ref Device.Request;
        request.Partition = partition;
        request.CoreCount = (uint)cores.Length;
        request.ExtentCount = (uint)memory.Length;
        request.FunctionCount = 0;
        for (int i = 0; i < cores.Length; i++) request.Cores[i] = cores[i];
        for (int i = 0; i < memory.Length; i++)
        {
            request.Extents[i * 3] = memory[i].GuestAddress;
            request.Extents[i * 3 + 1] = memory[i].HostAddress;
            request.Extents[i * 3 + 2] = memory[i].Bytes;
        }
    }

    public void Create(uint partition, uint[] cores, params MemoryExtent[] memory) => CreateInCells(partition, cores, new uint[cores.Length], memory, new uint[memory.Length]);

    /// <summary>Cells as the guest is to number them, from 0.</summary>
    public void CreateInCells(uint partition, uint[] cores, uint[] coreCells, MemoryExtent[] memory, uint[] memoryCells)
    {
        FillCreate(partition, cores, memory);
        Device.Execute(ControlOperation.Create);
        _made[partition] = ([.. cores.Select((core, i) => new GuestCore { ApicId = core, Cell = coreCells[i] })], memory, memoryCells);
        WaitFor(partition, PartitionState.Stopped);
    }

    /// <summary>With PCI functions of its own, if any.</summary>
    public unsafe void CreateWithFunctions(uint partition, uint[] cores, MemoryExtent memory, params ushort[] functions)
    {
        FillCreate(partition, cores, [memory]);
        Device.Request.FunctionCount = (uint)functions.Length;
        for (int i = 0; i < functions.Length; i++) Device.Request.Functions[i] = functions[i];
        Device.Execute(ControlOperation.Create);
        _made[partition] = ([.. cores.Select(core => new GuestCore { ApicId = core })], [memory], [0]);
        if (functions.Length > 0) _withFunctions.Add(partition); else _withFunctions.Remove(partition);
        WaitFor(partition, PartitionState.Stopped);
    }

    public void Start(uint partition, string commandLine)
    {
        (GuestCore[] cores, MemoryExtent[] memory, uint[] memoryCells) = _made[partition];
        var image = new LinuxImage(new MemoryStream(_kernel), new MemoryStream(_initrd), default, Encoding.ASCII.GetBytes(commandLine));
        LinuxLoader.LoadAndStart(Device, partition, image, new LinuxMachine(cores, memory, memoryCells, _withFunctions.Contains(partition)));
    }

    public void Type(uint partition, string line)
    {
        byte[] bytes = Encoding.ASCII.GetBytes(line + "\n");
        Check(Device.WriteConsole((int)partition, bytes) == bytes.Length, $"the console of partition {partition} took '{line}'");
    }

    public void Execute(ControlOperation operation, uint partition)
    {
        Device.Request.Partition = partition;
        Device.Execute(operation);
    }

    public ControlStatus TryExecute(ControlOperation operation, uint partition)
    {
        Device.Request.Partition = partition;
        return Device.TryExecute(operation, out _);
    }

    public void WaitFor(uint partition, PartitionState state, int seconds = 30) =>
        WaitUntil(() => Device.Partitions[(int)partition].State == (uint)state, seconds, $"partition {partition} to be {state}, it is {(PartitionState)Device.Partitions[(int)partition].State}");

    public string WaitForConsole(uint partition, string text, int seconds = 120)
    {
        if (!_consoles.TryGetValue(partition, out StringBuilder? seen)) _consoles[partition] = seen = new StringBuilder();
        var buffer = new byte[4096];
        try
        {
            WaitUntil(
                () =>
                {
                    int count = Device.ReadConsole((int)partition, buffer);
                    seen.Append(Encoding.ASCII.GetString(buffer, 0, count));
                    return seen.ToString().Contains(text, StringComparison.Ordinal);
                },
                seconds, $"partition {partition} to print '{text}'");
        }
        catch (TimeoutException)
        {
            Console.WriteLine($"CONSOLE {partition} so far:\n{seen}");
            throw;
        }
        string all = seen.ToString();
        seen.Clear();
        return all;
    }

    /// <summary>The next event of this kind about this partition.</summary>
    public EventEntry WaitForEvent(EventKind kind, uint partition, int seconds = 30)
    {
        EventEntry found = default;
        WaitUntil(
            () =>
            {
                while (Device.Event(_events + 1) is { } next)
                {
                    _events++;
                    if (next.Kind != (uint)kind || next.Partition != partition) continue;
                    found = next;
                    return true;
                }
                return false;
            },
            seconds, $"event {kind} of partition {partition}");
        return found;
    }

    /// <summary>Probes the partition ten times a second.</summary>
    public void ProbeFor(uint partition, int milliseconds)
    {
        for (int passed = 0; passed < milliseconds; passed += 100)
        {
            Execute(ControlOperation.Probe, partition);
            Thread.Sleep(100);
        }
    }

    /// <summary>The event ring has such an event, whoever waited for it already.</summary>
    public bool HasEvent(EventKind kind, uint partition)
    {
        for (ulong number = 1; number <= Device.Header.EventCount; number++)
        {
            if (Device.Event(number) is { } entry && entry.Kind == (uint)kind && entry.Partition == partition) return true;
        }
        return false;
    }

    /// <summary>The events about this partition from here on, up to and with one of this kind.</summary>
    public List<EventEntry> EventsUntil(EventKind kind, uint partition, int seconds = 30)
    {
        var found = new List<EventEntry>();
        WaitUntil(
            () =>
            {
                while (Device.Event(_events + 1) is { } next)
                {
                    _events++;
                    if (next.Partition != partition) continue;
                    found.Add(next);
                    if (next.Kind == (uint)kind) return true;
                }
                return false;
            },
            seconds, $"event {kind} of partition {partition}");
        return found;
    }

    /// <summary>Exits of a partition's cores since the node came up, by reason.</summary>
    public unsafe ulong[] Exits(uint partition)
    {
        var sums = new ulong[(int)ExitCounter.Count];
        foreach (CoreEntry core in Device.Cores)
        {
            if (core.Partition != partition) continue;
            for (int i = 0; i < sums.Length; i++) sums[i] += core.Exits[i];
        }
        return sums;
    }

    public static void Pass(string what) => Console.WriteLine($"PASS {what}");

    public static void Check(bool truth, string what)
    {
        if (!truth) throw new InvalidOperationException($"not so: {what}");
    }

    public static void WaitUntil(Func<bool> done, int seconds, string what)
    {
        var clock = Stopwatch.StartNew();
        while (!done())
        {
            if (clock.Elapsed.TotalSeconds > seconds) throw new TimeoutException($"waited {seconds} s for {what}");
            Thread.Sleep(5);
        }
    }

    public void Dispose() => Device.Dispose();
}
