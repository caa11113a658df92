using Osv.Contracts.ControlDevice;

namespace Osv.Monitor.Policy;

/// <summary>Where a guest's memory may lie in its own address space.</summary>
public static class GuestLayout
{
    /// <summary>Guest addresses end here: one PDPT page of nested tables.</summary>
    public const ulong AddressLimit = 512UL << 30;
    /// <summary>Host addresses end here: what the monitor itself maps.</summary>
    public const ulong HostLimit = 2048UL << 30;
    /// <summary>The hole for devices, the local APIC and firmware; never RAM.</summary>
    public const ulong HoleStart = 3UL << 30;
    public const ulong HoleEnd = 4UL << 30;

    /// <summary>Aligned, not empty, inside the limits and outside the hole. Total over all values.</summary>
    public static bool IsWellFormed(in MemoryExtent extent)
    {
        ulong guest = extent.GuestAddress, host = extent.HostAddress, bytes = extent.Bytes;
        if (((guest | host | bytes) & (ControlLayout.PageBytes - 1)) != 0) return false;
        if (bytes == 0 || bytes > AddressLimit || guest >= AddressLimit || host >= HostLimit) return false;
        if (guest > AddressLimit - bytes || host > HostLimit - bytes) return false;
        return guest + bytes <= HoleStart || guest >= HoleEnd;
    }

    /// <summary>The processor refuses the rest (VMEXIT_INVALID); this only keeps nonsense out.</summary>
    public static bool IsEntry(in EntryState entry) =>
        entry.Rip < AddressLimit && entry.Rsi < AddressLimit && entry.Cr3 < AddressLimit && (entry.Cr3 & 0xFFF) == 0
        && entry.GdtBase < AddressLimit && entry.GdtLimit <= 0xFFFF && entry.CodeSelector != 0;
}
