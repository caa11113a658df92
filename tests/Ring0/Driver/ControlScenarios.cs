using Osv.Contracts.ControlDevice;
using Osv.Ring0.Attacker;

namespace Osv.Ring0.Driver;

/// <summary>
/// Partition 0 gone mad: tens of thousands of requests, random and nearly valid, beside a tenant that works. Every answer is a
/// defined code, a refusal changes nothing, and afterwards everything can still be had.
/// </summary>
internal static class ControlScenarios
{
    private const int Requests = 20_000, RacingRequests = 5_000, Seed = 20260;
    private const uint Victim = 1, Nobody = 0xFFFF;
    /// <summary>Random partitions get memory from this piece, so that two of them often want the same.</summary>
    private const ulong ArenaMebibytes = 64;

    /// <summary>Codes that such requests cannot lead to: the node's cores have no siblings, it has pages for all tables, and the requests name no function that it has.</summary>
    private static readonly ControlStatus[] s_unreachable = [ControlStatus.SiblingsSplit, ControlStatus.OutOfTables, ControlStatus.FunctionNotFree, ControlStatus.FunctionNotAssignable, ControlStatus.GroupSplit];

    public static void Run(Workbench bench, string monitorCode)
    {
        var image = new AttackerImage(monitorCode);
        uint[] free = bench.FreeCores;
        var neighbour = new Neighbour(bench, image, free[0]);
        MemoryExtent arena = bench.TakeMemory(ArenaMebibytes);
        var random = new Random(Seed);
        var seen = new int[(int)Enum.GetValues<ControlStatus>().Max() + 1];

        for (int i = 0; i < Requests; i++) Step(bench, random, arena, free, seen);
        Console.WriteLine($"STATUSES {string.Join(' ', seen.Select((count, status) => $"{(ControlStatus)status}={count}"))}");
        foreach (ControlStatus status in Enum.GetValues<ControlStatus>())
        {
            Workbench.Check(s_unreachable.Contains(status) || seen[(int)status] > 0, $"some request gets {status}");
        }
        Workbench.Pass("random requests get defined answers, and a refused one changes nothing");
        neighbour.Check("random requests");

        DestroyAll(bench);
        Race(bench, random, arena, free);
        Workbench.Pass("a request that changes while it is looked at gets a defined answer");
        neighbour.Check("racing requests");

        DestroyAll(bench);
        bench.Create(2, free[1..], arena);
        bench.Execute(ControlOperation.Destroy, 2);
        // Each create takes table pages and each destroy gives them back: none may have got lost.
        for (int i = 0; i < 200; i++)
        {
            bench.Create(3, free[1..], Scattered(arena));
            bench.Execute(ControlOperation.Destroy, 3);
        }
        Workbench.Pass("all cores, memory and tables can be had again");
        neighbour.Check("clean-up");

        DefacedTables.Run(bench, random, arena, free, Victim);
        neighbour.Check("nonsense in the tables", countersHold: false);
    }

    private static void Step(Workbench bench, Random random, MemoryExtent arena, uint[] free, int[] seen)
    {
        uint partition = (uint)random.Next(2, 4);
        ControlOperation operation = RandomRequests.Fill(ref bench.Device.Request, partition, RandomRequests.Suggest(bench, random, partition), random, arena, free);
        bool settled = random.Next(4) == 0 && Settled(bench);
        string before = settled ? Snapshot(bench) : string.Empty;
        ulong events = bench.Device.Header.EventCount;
        ControlStatus status = bench.Device.TryExecute(operation, out _);
        Workbench.Check(Enum.IsDefined(status), $"status {status} is defined");
        seen[(int)status]++;
        // What other cores do meanwhile is theirs: the comparison is made where nothing was on its way, and no tenant ended.
        if (status == ControlStatus.Ok || !settled || bench.Device.Header.EventCount != events) return;
        Workbench.Check(Snapshot(bench) == before, $"a refused {operation} changes nothing ({status}): {before} became {Snapshot(bench)}");
    }

    /// <summary>No partition runs or changes but partition 0 and the neighbour.</summary>
    private static bool Settled(Workbench bench)
    {
        ReadOnlySpan<PartitionEntry> partitions = bench.Device.Partitions;
        for (int i = 2; i < partitions.Length; i++)
        {
            if (partitions[i].State == (uint)PartitionState.Running || IsOnItsWay(partitions[i])) return false;
        }
        return true;
    }

    internal static bool IsOnItsWay(PartitionEntry partition) => partition.State is (uint)PartitionState.Stopping or (uint)PartitionState.Scrubbing;

    /// <summary>The tables that partition 0 sees, as far as operations change them; read anew from the monitor's own copy.</summary>
    internal static string Snapshot(Workbench bench)
    {
        ControlRequest kept = bench.Device.Request;
        bench.Device.Execute(ControlOperation.Topology);
        bench.Device.Request = kept;
        var parts = new List<string>();
        for (int i = 0; i < bench.Device.Partitions.Length; i++)
        {
            PartitionEntry item = bench.Device.Partitions[i];
            if (item.State != 0 || item.CoreCount != 0 || item.MemoryBytes != 0) parts.Add($"{i}:{item.State}/{item.CoreCount}/{item.MemoryBytes}/{item.ExtentCount}/{item.LastCause}");
        }
        foreach (CoreEntry core in bench.Device.Cores) parts.Add($"c{core.ApicId}:{core.Partition}");
        foreach (MemoryEntry memory in bench.Device.Memory) parts.Add($"m{memory.HostAddress:x}+{memory.Bytes:x}");
        return string.Join(' ', parts);
    }

    /// <summary>A second thread writes over the request page all the time, with values that are valid in turn.</summary>
    private static void Race(Workbench bench, Random random, MemoryExtent arena, uint[] free)
    {
        using var end = new CancellationTokenSource();
        var writer = new Thread(() => Scribble(bench, arena, free, end.Token));
        writer.Start();
        int carriedOut = 0;
        for (int i = 0; i < RacingRequests; i++)
        {
            // Stop is left out: with the writer's arguments it could be the end of the node.
            ControlOperation operation = random.Next(6) switch
            {
                0 or 1 => ControlOperation.Create,
                2 => ControlOperation.Load,
                3 => ControlOperation.Destroy,
                4 => ControlOperation.Probe,
                _ => ControlOperation.Console,
            };
            ControlStatus status = bench.Device.TryExecute(operation, out _);
            Workbench.Check(Enum.IsDefined(status), $"status {status} is defined");
            if (status == ControlStatus.Ok) carriedOut++;
            if (i % 16 == 0) CheckTables(bench);
        }
        end.Cancel();
        writer.Join();
        Workbench.Check(carriedOut > 0, "some racing requests are carried out");
    }

    private static unsafe void Scribble(Workbench bench, MemoryExtent arena, uint[] free, CancellationToken end)
    {
        var random = new Random(Seed + 1);
        ref ControlRequest request = ref bench.Device.Request;
        while (!end.IsCancellationRequested)
        {
            request.Partition = (uint)random.Next(2, 6);
            request.Argument = (uint)random.Next(2);
            request.CoreCount = random.Next(3) == 0 ? uint.MaxValue : (uint)random.Next(1, free.Length);
            request.ExtentCount = random.Next(3) == 0 ? uint.MaxValue : 1;
            request.FunctionCount = random.Next(3) == 0 ? uint.MaxValue : (uint)random.Next(2);
            request.Functions[0] = (ushort)random.Next(0x20);
            request.Cores[0] = random.Next(3) == 0 ? uint.MaxValue : free[random.Next(1, free.Length)];
            request.Extents[0] = 0;
            request.Extents[1] = random.Next(3) == 0 ? 0 : arena.HostAddress + ((ulong)random.Next(32) << 21);
            request.Extents[2] = random.Next(3) == 0 ? ulong.MaxValue : 2UL << 20;
        }
    }

    /// <summary>Every core has one owner, and each partition as many as it says.</summary>
    private static void CheckTables(Workbench bench)
    {
        bench.Device.Execute(ControlOperation.Topology);
        var owned = new Dictionary<uint, uint>();
        foreach (CoreEntry core in bench.Device.Cores)
        {
            if (core.Partition != Nobody) owned[core.Partition] = owned.GetValueOrDefault(core.Partition) + 1;
        }
        for (int i = 0; i < bench.Device.Partitions.Length; i++)
        {
            PartitionEntry item = bench.Device.Partitions[i];
            uint count = owned.GetValueOrDefault((uint)i);
            Workbench.Check((item.State != 0 ? item.CoreCount : 0) == count, $"partition {i} has {item.CoreCount} cores, {count} are its own");
        }
    }

    private static void DestroyAll(Workbench bench)
    {
        for (uint partition = 2; partition < ControlLayout.MaxPartitions; partition++)
        {
            if (bench.Device.Partitions[(int)partition].State == (uint)PartitionState.Absent) continue;
            _ = bench.TryExecute(ControlOperation.Stop, partition);
            bench.WaitFor(partition, PartitionState.Stopped);
            bench.Execute(ControlOperation.Destroy, partition);
        }
    }

    /// <summary>Extents far from each other in the guest: each needs a table page of its own.</summary>
    private static MemoryExtent[] Scattered(MemoryExtent arena)
    {
        var extents = new MemoryExtent[8];
        for (int i = 0; i < extents.Length; i++)
        {
            extents[i] = new MemoryExtent { GuestAddress = (ulong)i << 33, HostAddress = arena.HostAddress + ((ulong)i << 21), Bytes = 2 << 20 };
        }
        return extents;
    }
}
