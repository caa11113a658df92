using Osv.Contracts.ControlDevice;

namespace Osv.Ring0.Driver;

/// <summary>Requests about partitions 2 and 3, random and nearly valid.</summary>
internal static class RandomRequests
{
    /// <summary>The partition that works next door, where there is one.</summary>
    private const uint Neighbour = 1;

    /// <summary>Mostly what makes sense in the partition's state.</summary>
    public static ControlOperation Suggest(Workbench bench, Random random, uint partition)
    {
        int any = random.Next(1, 9), choice = random.Next(4);
        if (random.Next(4) == 0) return (ControlOperation)any;
        // Wait at times while it is on its way from one state to another: there everything is refused alike.
        if (random.Next(16) == 0) Workbench.WaitUntil(() => !ControlScenarios.IsOnItsWay(bench.Device.Partitions[(int)partition]), 30, $"partition {partition} to arrive");
        return (PartitionState)bench.Device.Partitions[(int)partition].State switch
        {
            PartitionState.Absent => ControlOperation.Create,
            PartitionState.Stopped => choice switch { 0 => ControlOperation.Destroy, 1 => ControlOperation.Load, _ => ControlOperation.Start },
            PartitionState.Running => choice switch { 0 => ControlOperation.Probe, 1 => ControlOperation.Console, _ => ControlOperation.Stop },
            _ => (ControlOperation)any,
        };
    }

    /// <summary>A request that could be meant, half of the time with something wrong. Never the end of the node, and never the neighbour's.</summary>
    public static unsafe ControlOperation Fill(ref ControlRequest request, uint partition, ControlOperation operation, Random random, MemoryExtent arena, uint[] free)
    {
        request.Partition = partition;
        request.Argument = operation == ControlOperation.Load ? (uint)random.Next(2) : 0;
        request.WindowAddress = (ulong)random.Next(3) << 30;
        request.CoreCount = 1;
        request.ExtentCount = (uint)random.Next(1, 3);
        request.FunctionCount = 0;
        for (int i = 0; i < 4; i++)
        {
            request.Cores[i] = free[random.Next(1, free.Length)];
            request.Extents[i * 3] = (ulong)i << 30;
            request.Extents[i * 3 + 1] = arena.HostAddress + ((ulong)random.Next(32) << 21);
            request.Extents[i * 3 + 2] = 2UL << 20;
            request.Functions[i] = (ushort)(0xFF00 + i);
        }
        // Nothing is loaded: such a tenant runs zeros at a random place and ends soon, in one way or another.
        request.Entry = new EntryState { Rip = (ulong)random.Next(1 << 21), Rsi = 1, Cr3 = (ulong)random.Next(512) << 12, GdtLimit = 0x1F, CodeSelector = 0x10, DataSelector = 0x18 };
        if (random.Next(2) == 0) operation = Spoil(ref request, operation, random, arena);
        // A partition that is made and never looked at again would keep its core.
        if (request.Partition == Neighbour || (operation == ControlOperation.Create && request.Partition is > 3 and < ControlLayout.MaxPartitions)) request.Partition = 2;
        // Stop of partition 0 with 1 or 2 ends the node.
        if (operation == ControlOperation.Stop && request.Argument is 1 or 2) request.Argument = 3;
        return operation;
    }

    private static unsafe ControlOperation Spoil(ref ControlRequest request, ControlOperation operation, Random random, MemoryExtent arena)
    {
        int slot = random.Next(2) * 3;
        switch (random.Next(16))
        {
            case 0: return (ControlOperation)Odd(random, 12);
            case 1: request.Partition = Odd(random, 66); break;
            case 2: request.Argument = Odd(random, 4); break;
            case 14: request.FunctionCount = 1; break;
            case 15: request.FunctionCount = Odd(random, 20); break;
            case 3: request.WindowAddress = (ulong)random.NextInt64(); break;
            case 4: request.CoreCount = Odd(random, 4); break;
            case 5: request.ExtentCount = Odd(random, 20); break;
            case 6: request.Cores[0] = Odd(random, 8); break;
            case 7:
                request.CoreCount = 2;
                request.Cores[1] = request.Cores[0];
                break;
            case 8: request.Extents[slot] = (ulong)random.NextInt64(); break;
            case 9: request.Extents[slot + 1] = random.Next(2) == 0 ? (ulong)random.NextInt64() : (ulong)random.Next(1 << 9) << 21; break;
            case 10: request.Extents[slot + 2] = random.Next(2) == 0 ? (ulong)random.NextInt64() : (ulong)random.Next(1 << 9) << 21; break;
            case 11:
                request.ExtentCount = 2;
                request.Extents[1] = arena.HostAddress;
                request.Extents[3] = 0;
                request.Extents[4] = arena.HostAddress + (4 << 20);
                break;
            case 12: request.Entry = new EntryState { Rip = (ulong)random.NextInt64(), Cr3 = (ulong)random.NextInt64(), GdtBase = (ulong)random.NextInt64(), GdtLimit = (uint)random.Next() }; break;
            default: request.Entry.GdtBase = (ulong)random.Next() << 8; break;
        }
        return operation;
    }

    public static uint Odd(Random random, int limit) => random.Next(4) == 0 ? (uint)random.NextInt64(0, 1L << 32) : (uint)random.Next(limit);
}
