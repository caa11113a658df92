using System.Runtime.InteropServices;
using Osv.Contracts.ControlDevice;

namespace Osv.Ring0.Driver;

/// <summary>
/// Control requests, random ones or those of a run of the Promela model, one after the other, and all that the monitor answers, as lines of
/// hexadecimal words for TraceTests, which replays them against the same policy compiled for the host:
/// N core physical partition; M memory bytes; X extent of partition 0; T operation and request; A status index;
/// G a guest that ended by itself; E event; S partition table; C owners of the cores.
/// </summary>
internal static class TraceScenarios
{
    private const int Steps = 600, Seed = 2013;
    private const ulong ArenaMebibytes = 64;
    internal const uint First = 2, Last = 3;
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
        if (File.Exists(ModelTrace.File))
        {
            var trace = new ModelTrace(arena, bench.Device.Cores[0].ApicId, free);
            foreach (ulong[] step in ModelTrace.Steps)
            {
                ControlOperation operation = trace.Fill(ref bench.Device.Request, step);
                Step(bench, operation, idles: IsLoaded(bench, operation));
            }
        }
        else
        {
            var random = new Random(Seed);
            for (int i = 0; i < Steps; i++)
            {
                bench.Device.Request = default;
                uint partition = (uint)random.Next((int)First, (int)Last + 1);
                ControlOperation operation = RandomRequests.Fill(ref bench.Device.Request, partition, RandomRequests.Suggest(bench, random, partition), random, arena, free);
                Step(bench, operation, idles: IsLoaded(bench, operation) && random.Next(4) != 0);
            }
        }
        Workbench.Pass("a trace of control requests was told");
    }

    private static bool IsLoaded(Workbench bench, ControlOperation operation) => operation == ControlOperation.Start && s_loaded.Contains(bench.Device.Request.Partition);

    private static void Node(Workbench bench)
    {
        bench.Device.Execute(ControlOperation.Topology);
        foreach (CoreEntry core in bench.Device.Cores) Tell('N', core.ApicId, core.PhysicalCore, core.Partition);
        foreach (MemoryEntry memory in bench.Device.Memory) Tell('M', memory.HostAddress, memory.Bytes);
        foreach (MemoryExtent extent in bench.Device.Extents(0)) Tell('X', extent.GuestAddress, extent.HostAddress, extent.Bytes);
    }

    /// <param name="idles">What is started runs the idle code, not zeros.</param>
    private static void Step(Workbench bench, ControlOperation operation, bool idles)
    {
        ref ControlRequest request = ref bench.Device.Request;
        if (idles) request.Entry = s_idle;
        Tell('T', TraceWords.From(operation, in request));

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

    private static void Tell(char kind, params ReadOnlySpan<ulong> words)
    {
        Console.WriteLine($"TRACE {kind} {TraceWords.Line(words)}");
    }
}
