using System.Runtime.InteropServices;
using System.Text;
using Osv.Contracts.ControlDevice;

namespace Osv.Ring0.Driver;

/// <summary>
/// Random control requests, one after the other, and all that the monitor answers, as lines of hexadecimal words for
/// TraceTests, which replays them against the same policy compiled for the host:
/// N core physical partition; M memory bytes; X extent of partition 0; T operation and request; A status index;
/// G a guest that ended by itself; E event; S partition table; C owners of the cores.
/// </summary>
internal static class TraceScenarios
{
    private const int Steps = 600, Seed = 2013;
    private const ulong ArenaMebibytes = 64;
    private const uint First = 2, Last = 3;
    /// <summary>Page tables at 1000h, code at 3000h: STI; HLT; back to HLT.</summary>
    private const ulong Tables = 0x1000, Directory = 0x2000, Code = 0x3000;

    private static readonly EntryState s_idle = new() { Rip = Code, Rsi = 1, Cr3 = Tables, GdtLimit = 0x1F, CodeSelector = 0x10, DataSelector = 0x18 };

    /// <summary>Partitions with the idle code in their memory.</summary>
    private static readonly HashSet<uint> s_loaded = [];

    public static void Run(Workbench bench)
    {
        Node(bench);
        uint[] free = bench.FreeCores;
        MemoryExtent arena = bench.TakeMemory(ArenaMebibytes);
        var random = new Random(Seed);
        for (int i = 0; i < Steps; i++) Step(bench, random, arena, free);
        Workbench.Pass("a trace of control requests was told");
    }

    private static void Node(Workbench bench)
    {
        bench.Device.Execute(ControlOperation.Topology);
        foreach (CoreEntry core in bench.Device.Cores) Tell('N', core.ApicId, core.PhysicalCore, core.Partition);
        foreach (MemoryEntry memory in bench.Device.Memory) Tell('M', memory.HostAddress, memory.Bytes);
        foreach (MemoryExtent extent in bench.Device.Extents(0)) Tell('X', extent.GuestAddress, extent.HostAddress, extent.Bytes);
    }

    private static void Step(Workbench bench, Random random, MemoryExtent arena, uint[] free)
    {
        ref ControlRequest request = ref bench.Device.Request;
        request = default;
        uint partition = (uint)random.Next((int)First, (int)Last + 1);
        ControlOperation operation = RandomRequests.Fill(ref request, partition, RandomRequests.Suggest(bench, random, partition), random, arena, free);
        bool idles = operation == ControlOperation.Start && s_loaded.Contains(request.Partition) && random.Next(4) != 0;
        if (idles) request.Entry = s_idle;
        Request(operation, in request);

        ulong events = bench.Device.Header.EventCount;
        ControlStatus status = bench.Device.TryExecute(operation, out uint index);
        Tell('A', (ulong)status, index);
        ControlRequest sent = request;
        if (status == ControlStatus.Ok && operation == ControlOperation.Load && sent.Argument == 1) PlaceIdle(bench, in sent);
        bool started = status == ControlStatus.Ok && operation == ControlOperation.Start;
        Workbench.WaitUntil(() => IsSettled(bench, started && !idles ? sent.Partition : 0), 60, $"step {operation} of partition {sent.Partition} to end");
        Outcome(bench, events, ended: started && !idles);
    }

    private static unsafe void PlaceIdle(Workbench bench, in ControlRequest request)
    {
        bool startsAtZero = request.WindowAddress == 0 && bench.Device.Extents((int)request.Partition).ToArray().Any(extent => extent.GuestAddress == 0);
        if (!startsAtZero) return;
        Span<byte> window = bench.Device.Window(0, (int)Code + 16);
        const ulong Present = 1, Writable = 2, Large = 0x80;
        MemoryMarshal.Write(window[(int)Tables..], Directory | Present | Writable);
        MemoryMarshal.Write(window[(int)Directory..], Present | Writable | Large);
        ((ReadOnlySpan<byte>)[0xFB, 0xF4, 0xEB, 0xFD]).CopyTo(window[(int)Code..]);
        s_loaded.Add(request.Partition);
    }

    /// <summary>Nothing is on its way, and the one that runs nothing but zeros has ended.</summary>
    private static bool IsSettled(Workbench bench, uint ends)
    {
        for (uint i = First; i <= Last; i++)
        {
            PartitionEntry partition = bench.Device.Partitions[(int)i];
            if (ControlScenarios.IsOnItsWay(partition) || (i == ends && partition.State == (uint)PartitionState.Running)) return false;
        }
        return true;
    }

    /// <summary>Events and tables after the step.</summary>
    private static void Outcome(Workbench bench, ulong since, bool ended)
    {
        bench.Device.Execute(ControlOperation.Topology);
        EventEntry[] events = [.. Enumerable.Range(1, (int)(bench.Device.Header.EventCount - since)).Select(i => bench.Device.Event(since + (ulong)i)).OfType<EventEntry>()];
        foreach (EventEntry item in events)
        {
            // What the guest did is the trace's input; what the monitor made of it is compared.
            if (ended && item.Kind is (uint)EventKind.Failed or (uint)EventKind.Violation) Tell('G', item.Partition, item.Kind, item.Cause, item.ApicId);
        }
        foreach (EventEntry item in events)
        {
            Tell('E', item.Kind, item.Cause, item.Partition, item.ApicId);
            if (item.Kind == (uint)EventKind.Stopped) s_loaded.Remove(item.Partition);
        }
        for (int i = 1; i < bench.Device.Partitions.Length; i++)
        {
            PartitionEntry item = bench.Device.Partitions[i];
            if (item.State == 0 && item.CoreCount == 0 && item.MemoryBytes == 0) continue;
            Tell('S', (ulong)i, item.State, item.CoreCount, item.MemoryBytes, item.ExtentCount, item.LastCause);
        }
        Tell('C', [.. bench.Device.Cores.ToArray().Select(core => (ulong)core.Partition)]);
    }

    private static unsafe void Request(ControlOperation operation, in ControlRequest request)
    {
        var words = new List<ulong> { (ulong)operation, request.Partition, request.Argument, request.WindowAddress, request.CoreCount, request.ExtentCount };
        EntryState entry = request.Entry;
        words.AddRange([entry.Rip, entry.Rsi, entry.Cr3, entry.GdtBase, entry.GdtLimit, entry.CodeSelector, entry.DataSelector]);
        for (int i = 0; i < 4; i++) words.Add(request.Cores[i]);
        for (int i = 0; i < 12; i++) words.Add(request.Extents[i]);
        words.Add(request.FunctionCount);
        for (int i = 0; i < 4; i++) words.Add(request.Functions[i]);
        Tell('T', [.. words]);
    }

    private static void Tell(char kind, params ReadOnlySpan<ulong> words)
    {
        var line = new StringBuilder("TRACE ").Append(kind);
        foreach (ulong word in words) line.Append(' ').Append(word.ToString("x", System.Globalization.CultureInfo.InvariantCulture));
        Console.WriteLine(line);
    }
}
