using System;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Hardware;

/// <summary>The last-level cache: who shares it, and its ways dealt out to partitions where the processor can do that (<see cref="CacheShare"/>).</summary>
public static unsafe class CacheWays
{
    private const uint Association = 0xC8F, FirstMask = 0xC90, Allocation = 1 << 15;
    /// <summary>Threads whose APIC ids agree above so many bits share a cache.</summary>
    public static int DomainShift;
    /// <summary>Of each cache; 0 where they cannot be dealt out.</summary>
    public static uint Ways;
    private static uint s_classes;

    /// <summary>CPUID 8000_001D, index 3: how many threads share the cache. CPUID 7 and 10h: whether its ways can be allocated.</summary>
    public static void Discover(uint* registers)
    {
        Cpu.Cpuid(0x8000_001D, 3, registers);
        uint sharing = ((registers[0] >> 14) & 0xFFF) + 1;
        for (DomainShift = 0; 1u << DomainShift < sharing;) DomainShift++;
        Cpu.Cpuid(7, 0, registers);
        bool allocates = (registers[1] & Allocation) != 0;
        // All zero where the processor allocates something else.
        Cpu.Cpuid(0x10, 1, registers);
        s_classes = (registers[3] & 0xFFFF) + 1;
        Ways = allocates && s_classes > 1 && s_classes >= sharing / 2 ? (registers[0] & 31) + 1 : 0;
    }

    /// <summary>Gives the core its partition's ways. All cores of the partition come to the same ones.</summary>
    public static void Allot(int core)
    {
        if (Ways == 0) return;
        uint mask = CacheShare.WaysOf(new ReadOnlySpan<Core>(Node.Cores, Node.CoreCount), core, DomainShift, Ways, s_classes, out uint service);
        Cpu.WriteMsr(FirstMask + service, mask);
        Cpu.WriteMsr(Association, (ulong)service << 32);
    }
}
