using Osv.Contracts.ControlDevice;

namespace Osv.Placement;

/// <summary>
/// What the monitor refuses, as the planner counts it. Memory is in units of <see cref="ControlLayout.PageBytes"/> (2 MiB).
/// A test holds these figures against the monitor's own policy.
/// </summary>
public static class PartitionLimits
{
    public const int UnitsPerGibibyte = (int)((1UL << 30) / ControlLayout.PageBytes);
    /// <summary>Guest memory grows from 0 and leaves out the hole between 3 and 4 GiB, where devices lie.</summary>
    public const int HoleStartUnit = 3 * UnitsPerGibibyte;
    public const int HoleEndUnit = 4 * UnitsPerGibibyte;
    /// <summary>Guest addresses end at 512 GiB.</summary>
    public const int GuestLimitUnit = 512 * UnitsPerGibibyte;
    /// <summary>Host addresses end at 2 TiB.</summary>
    public const int HostLimitUnit = 2048 * UnitsPerGibibyte;
    /// <summary>The most memory one partition can have: the guest address space less the hole.</summary>
    public const int MaxMemoryUnits = GuestLimitUnit - (HoleEndUnit - HoleStartUnit);
    /// <summary>
    /// A partition takes memory from at most this many free ranges: one less than the monitor's extents, because the hole
    /// may cut one range in two.
    /// </summary>
    public const int MaxRanges = ControlLayout.MaxExtents - 1;
    /// <summary>Partition 0 is the management partition.</summary>
    public const int MaxTenantsPerNode = ControlLayout.MaxPartitions - 1;

    /// <summary>Whole units that hold this many bytes.</summary>
    public static int UnitsOf(ulong bytes) => checked((int)((bytes + ControlLayout.PageBytes - 1) / ControlLayout.PageBytes));

    /// <summary>"64 GiB", "1.5 GiB" or "512 MiB".</summary>
    public static string Describe(long units) =>
        units >= UnitsPerGibibyte
            ? string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{(double)units / UnitsPerGibibyte:0.##} GiB")
            : string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{units * 2} MiB");
}
