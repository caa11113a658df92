using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Osv.Contracts.ControlDevice;

namespace Osv.Model.Explorer;

/// <summary>
/// The requests that partition 0 makes: a bounded set of well-formed and malformed ones. A request is coded in 32 bits,
/// so that a step stays small: partition in bits 1:0 (3 is out of range), the rest by operation.
/// </summary>
internal static class ControlRequests
{
    /// <summary>What is wrong with a Create.</summary>
    private enum Flaw { None, NoTables, NoCores, TooManyCores, UnknownCore, DuplicateCore, BusyCore, NoPages, TooManyExtents, BusyPage, DuplicatePage, Misaligned, Hole, GuestOverlap, BeyondMemory, Count }

    private static readonly ulong[] s_windows = [0, ControlLayout.WindowBytes, ControlLayout.PageBytes, 512UL << 30];

    public static readonly EntryState Entry = new() { Rip = 0x100_0200, Rsi = 0x7000, Cr3 = 0xA000, GdtBase = 0x6000, GdtLimit = 31, CodeSelector = 0x10, DataSelector = 0x18 };

    /// <summary>Operations other than Create: they do not depend on the state.</summary>
    public static readonly (ControlOperation Operation, uint Detail)[] Plain = [.. MakePlain()];

    private static IEnumerable<(ControlOperation Operation, uint Detail)> MakePlain()
    {
        yield return (0, 0);
        yield return ((ControlOperation)9, 0);
        yield return (ControlOperation.Topology, 0);
        for (uint partition = 0; partition <= World.Partitions; partition++)
        {
            for (uint variant = 0; variant < 2; variant++) yield return (ControlOperation.Start, partition | (variant << 2));
            for (uint argument = 0; argument < 3; argument++) yield return (ControlOperation.Stop, partition | (argument << 2));
            for (uint argument = 0; argument < 3; argument++) yield return (ControlOperation.Load, partition | (argument << 2));
            for (uint window = 1; window < s_windows.Length; window++) yield return (ControlOperation.Load, partition | (1 << 2) | (window << 4));
            yield return (ControlOperation.Destroy, partition);
            yield return (ControlOperation.Probe, partition);
            for (uint target = 0; target < World.Cores; target++) yield return (ControlOperation.Console, partition | (target << 2));
        }
    }

    /// <summary>
    /// Details of the Create requests worth making in this state: every choice of free cores and boot core with every
    /// number of pages and every choice of free functions, then one well-formed choice with each flaw. Where extents may be longer than a page, every
    /// extent instead of a number of pages, and with one choice of cores every two extents, whether they are free, overlap, reach over the end of memory, or not.
    /// Returns how many.
    /// </summary>
    public static int Creates(in World world, Configuration bounds, Span<uint> details)
    {
        uint free = 0;
        for (int core = 0; core < bounds.Cores; core++)
            if (world.Core[core].Partition == Monitor.Policy.Machine.Nobody) free |= 1u << core;
        int freePages = 0;
        for (int page = 0; page < bounds.Pages; page++)
            if (world.Owner[page] == World.None) freePages++;
        uint freeFunctions = 0;
        for (int function = 0; function < bounds.Functions; function++)
            if (world.FunctionOwner[function] == World.None) freeFunctions |= 1u << function;
        int count = 0;
        for (uint partition = 0; partition <= World.Partitions; partition++)
        {
            bool absent = partition is 1 or 2 && world.Partition[(int)partition].State == PartitionState.Absent;
            if (!absent || free == 0)
            {
                details[count++] = Code(partition, 1, 0, 1, Flaw.None);
                continue;
            }
            for (uint cores = 1; cores < 1u << bounds.Cores; cores++)
            {
                if ((cores & ~free) != 0) continue;
                for (uint boot = 0; boot < bounds.Cores; boot++)
                {
                    if ((cores & (1u << (int)boot)) == 0) continue;
                    if (bounds.LongExtents)
                    {
                        for (uint extent = 0; extent < Extents(bounds); extent++) details[count++] = Code(partition, cores, boot, 1, Flaw.None) | Named(extent, 0);
                        continue;
                    }
                    for (uint pages = 1; pages <= bounds.TenantPages && pages <= freePages; pages++)
                        for (uint functions = 0; functions < 1u << bounds.Functions; functions++)
                            if ((functions & ~freeFunctions) == 0) details[count++] = Code(partition, cores, boot, pages, Flaw.None) | functions << FunctionsShift;
                }
            }
            uint first = (uint)System.Numerics.BitOperations.TrailingZeroCount(free);
            for (uint extent = 0; bounds.LongExtents && extent < Extents(bounds); extent++)
                for (uint second = 0; second < Extents(bounds); second++)
                    details[count++] = Code(partition, 1u << (int)first, first, 2, Flaw.None) | Named(extent, 0) | Named(second, 1);
            for (Flaw flaw = Flaw.NoTables; flaw < Flaw.Count; flaw++) details[count++] = Code(partition, 1u << (int)first, first, 1, flaw);
            // Tables that run out with a function in the request, and a function that somebody has.
            for (uint functions = 1; functions < 1u << bounds.Functions; functions++)
                details[count++] = Code(partition, 1u << (int)first, first, 1, (functions & ~freeFunctions) == 0 ? Flaw.NoTables : Flaw.None) | functions << FunctionsShift;
        }
        return count;
    }

    /// <summary>Behind the two extents.</summary>
    private const int FunctionsShift = 26;

    private static uint FunctionsOf(uint detail) => detail >> FunctionsShift;

    private static uint Code(uint partition, uint cores, uint boot, uint pages, Flaw flaw) =>
        partition | (cores << 2) | (boot << 6) | (pages << 8) | ((uint)flaw << 12);

    /// <summary>An extent by number: a page, and how many from there on, less one.</summary>
    private static uint Extents(Configuration bounds) => (uint)bounds.Pages * World.LongestExtent;

    /// <summary>The first or second extent of a request, by number: 5 bits from bit 16 on, 0 for none.</summary>
    private static uint Named(uint extent, int place) => (extent + 1) << (16 + 5 * place);

    private static bool NamesExtent(uint detail, int place, out int page, out uint pages)
    {
        uint extent = (detail >> (16 + 5 * place)) & 31;
        page = 0;
        pages = 0;
        if (extent == 0) return false;
        page = (int)((extent - 1) / World.LongestExtent);
        pages = ((extent - 1) % World.LongestExtent) + 1;
        return true;
    }

    private static Flaw FlawOf(uint detail) => (Flaw)((detail >> 12) & 15);

    public static bool RunsOutOfTables(ControlOperation operation, uint detail) =>
        operation == ControlOperation.Create && FlawOf(detail) == Flaw.NoTables;

    public static uint PartitionOf(uint detail) => detail & 3;

    public static int ConsoleTarget(uint detail) => (int)((detail >> 2) & 3);

    /// <summary>Writes the request itself.</summary>
    public static unsafe void Fill(ref ControlRequest request, ControlOperation operation, uint detail, in World world, Configuration bounds)
    {
        request.Partition = detail & 3;
        request.Argument = (detail >> 2) & 3;
        request.WindowAddress = s_windows[operation == ControlOperation.Load ? (detail >> 4) & 3 : 0];
        request.Entry = Entry;
        if (operation == ControlOperation.Start && ((detail >> 2) & 1) != 0) request.Entry.Rip = 1UL << 40;
        if (operation == ControlOperation.Create) FillCreate(ref request, detail, in world, bounds);
    }

    /// <summary>Partition 0, as Startup.Management makes it: the first cores, one page, and the first functions.</summary>
    public static unsafe void FillManagement(ref ControlRequest request, Configuration bounds)
    {
        for (uint core = 0; core < bounds.ManagementCores; core++) request.Cores[(int)request.CoreCount++] = World.FirstApicId + core;
        SetExtent(ref request, request.ExtentCount++, bounds.ManagementPage);
        for (int function = 0; function < bounds.Functions && function < bounds.ManagementFunctions; function++)
            request.Functions[(int)request.FunctionCount++] = ModelHardware<Slot0>.AddressOf(function);
    }

    private static unsafe void FillCreate(ref ControlRequest request, uint detail, in World world, Configuration bounds)
    {
        uint cores = (detail >> 2) & 15, boot = (detail >> 6) & 3, pages = (detail >> 8) & 15;
        request.FunctionCount = 0;
        for (int function = 0; function < bounds.Functions; function++)
            if ((FunctionsOf(detail) >> function & 1) != 0) request.Functions[(int)request.FunctionCount++] = ModelHardware<Slot0>.AddressOf(function);
        request.CoreCount = 1;
        request.Cores[0] = World.FirstApicId + boot;
        for (uint core = 0; core < World.Cores; core++)
            if (core != boot && (cores & (1u << (int)core)) != 0) request.Cores[(int)request.CoreCount++] = World.FirstApicId + core;
        // Where no page is free, not what an earlier request left there.
        SetExtent(ref request, 0, 0);
        request.ExtentCount = 0;
        for (int place = 0; place < 2; place++)
            if (NamesExtent(detail, place, out int first, out uint length)) SetExtent(ref request, request.ExtentCount++, first, length);
        for (int page = 0; page < bounds.Pages && request.ExtentCount < pages; page++)
            if (world.Owner[page] == World.None) SetExtent(ref request, request.ExtentCount++, page);
        int busyPage = 0, busyCore = 0;
        while (busyPage < bounds.Pages - 1 && world.Owner[busyPage] == World.None) busyPage++;
        while (busyCore < bounds.Cores - 1 && world.Core[busyCore].Partition == Monitor.Policy.Machine.Nobody) busyCore++;
        switch (FlawOf(detail))
        {
            case Flaw.NoCores: request.CoreCount = 0; break;
            case Flaw.TooManyCores: request.CoreCount = (uint)bounds.Cores + 1; break;
            case Flaw.UnknownCore: request.Cores[request.CoreCount++] = 0x99; break;
            case Flaw.DuplicateCore: request.Cores[request.CoreCount++] = request.Cores[0]; break;
            case Flaw.BusyCore: request.Cores[request.CoreCount++] = World.FirstApicId + (uint)busyCore; break;
            case Flaw.NoPages: request.ExtentCount = 0; break;
            case Flaw.TooManyExtents: request.ExtentCount = ControlLayout.MaxExtents + 1; break;
            case Flaw.BusyPage: SetExtent(ref request, request.ExtentCount++, busyPage); break;
            case Flaw.DuplicatePage:
                request.Extents[3] = ControlLayout.PageBytes;
                request.Extents[4] = request.Extents[1];
                request.Extents[5] = request.Extents[2];
                request.ExtentCount = 2;
                break;
            case Flaw.Misaligned: request.Extents[1] += 0x1000; break;
            case Flaw.Hole: request.Extents[0] = 3UL << 30; break;
            case Flaw.GuestOverlap: SetExtent(ref request, 1, bounds.Pages - 1); request.Extents[3] = request.Extents[0]; request.ExtentCount = 2; break;
            case Flaw.BeyondMemory: request.Extents[1] = (ulong)bounds.Pages * ControlLayout.PageBytes; break;
        }
    }

    /// <summary>Guest addresses one extent apart, whatever their lengths: they never overlap by themselves.</summary>
    private static unsafe void SetExtent(ref ControlRequest request, uint index, int page, uint pages = 1)
    {
        request.Extents[index * 3] = index * World.LongestExtent * ControlLayout.PageBytes;
        request.Extents[index * 3 + 1] = (ulong)page * ControlLayout.PageBytes;
        request.Extents[index * 3 + 2] = pages * ControlLayout.PageBytes;
    }

    public static string Describe(ControlOperation operation, uint detail)
    {
        string partition = $"partition {detail & 3}";
        if (operation != ControlOperation.Create) return $"{operation} of {partition}, variant {detail >> 2}";
        uint mask = (detail >> 2) & 15;
        string cores = string.Join(", ", Enumerable.Range(0, World.Cores).Where(core => (mask & (1u << core)) != 0).Select(core => core.ToString(CultureInfo.InvariantCulture)));
        Flaw flaw = FlawOf(detail);
        string memory = string.Join(" and ", Enumerable.Range(0, 2).Where(place => NamesExtent(detail, place, out _, out _)).Select(place => DescribeExtent(detail, place)));
        if (memory.Length == 0) memory = $"{(detail >> 8) & 15} pages";
        string functions = FunctionsOf(detail) == 0 ? "" : $", functions {FunctionsOf(detail):b}b";
        return $"Create of {partition} with cores {cores}, boot core {(detail >> 6) & 3}, {memory}{functions}{(flaw == Flaw.None ? "" : $", flawed: {flaw}")}";
    }

    private static string DescribeExtent(uint detail, int place)
    {
        NamesExtent(detail, place, out int page, out uint pages);
        return pages == 1 ? $"page {page}" : $"pages {page} to {page + pages - 1}";
    }
}
