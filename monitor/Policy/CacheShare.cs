using System;

namespace Osv.Monitor.Policy;

/// <summary>
/// Which ways of a last-level cache a partition may fill, where the processor can tell them apart (L3 cache allocation of
/// platform quality of service, APM vol. 2, 19): every thread that shares the cache brings an even share of the ways, and a
/// partition has those of its threads. What it keeps in the cache no other partition pushes out.
/// </summary>
public static class CacheShare
{
    /// <param name="cores">All of the node.</param>
    /// <param name="core">Index of one of the partition's cores.</param>
    /// <param name="domainShift">Threads whose APIC ids agree above so many bits share a cache.</param>
    /// <param name="ways">That the cache has, 1 to 32.</param>
    /// <param name="classes">Classes of service that the processor has. At least half as many as threads share a cache.</param>
    /// <param name="service">The partition's class of service in this cache. No other partition's is the same: siblings go together, so no two begin at neighbours.</param>
    /// <returns>A bit for each way.</returns>
    public static uint WaysOf(ReadOnlySpan<Core> cores, int core, int domainShift, uint ways, uint classes, out uint service)
    {
        uint domain = cores[core].ApicId >> domainShift, threads = Before(cores, domain, domainShift, uint.MaxValue), first = threads, mask = 0;
        for (int i = 0; i < cores.Length; i++)
        {
            if (cores[i].ApicId >> domainShift != domain || cores[i].Partition != cores[core].Partition) continue;
            uint rank = Before(cores, domain, domainShift, cores[i].ApicId);
            if (rank < first) first = rank;
            for (uint way = rank * ways / threads; way < (rank + 1) * ways / threads; way++) mask |= 1u << (int)way;
        }
        service = threads > classes ? first * classes / threads : first;
        // A single thread of more than there are ways: without a share it would run from memory.
        return mask == 0 ? uint.MaxValue >> (int)(32 - ways) : mask;
    }

    /// <summary>Threads of a cache whose APIC id is below a limit.</summary>
    private static uint Before(ReadOnlySpan<Core> cores, uint domain, int domainShift, uint limit)
    {
        uint count = 0;
        for (int i = 0; i < cores.Length; i++)
            if (cores[i].ApicId >> domainShift == domain && cores[i].ApicId < limit) count++;
        return count;
    }
}
