using System.Collections.Immutable;

namespace Osv.Placement.Requests;

/// <summary>How strictly a partition keeps to NUMA cells.</summary>
public enum NumaPolicy : byte
{
    /// <summary>As few cells as possible, as many as it takes; memory from the cells of the cores, then from others.</summary>
    FewestCells = 0,
    /// <summary>All cores and all memory from one cell, or not at all.</summary>
    OneCell = 1,
}

/// <summary>Where functions may lie.</summary>
public enum DeviceLocality : byte
{
    /// <summary>Near the cores where possible.</summary>
    Preferred = 0,
    /// <summary>In the partition's own cell; only together with <see cref="NumaPolicy.OneCell"/>.</summary>
    Required = 1,
}

/// <summary>Whether to fill nodes or to even them out.</summary>
public enum Strategy : byte
{
    Pack = 0,
    Spread = 1,
}

/// <summary>What counts as one place in a rule.</summary>
public enum Topology : byte
{
    Node = 0,
    Rack = 1,
    Power = 2,
}

/// <summary>Identical PCI functions.</summary>
public readonly record struct DeviceRequest(string Class, int Count);

/// <summary>
/// Together with (affinity) or away from (anti-affinity) the tenants of a group of the same project. A required
/// anti-affinity also keeps later members of that group away. An affinity to a group that has no member yet is met anywhere
/// when the tenant itself belongs to the group.
/// </summary>
public readonly record struct AffinityRule(string Group, Topology Topology, bool Away, bool Required)
{
    public static AffinityRule Together(string group, Topology topology, bool required = true) => new(group, topology, Away: false, required);
    public static AffinityRule Apart(string group, Topology topology, bool required = true) => new(group, topology, Away: true, required);
}

/// <summary>
/// No rack or power domain may hold more than <paramref name="MaxSkew"/> members of the group more than the emptiest
/// one that the tenant may use.
/// </summary>
public readonly record struct SpreadRule(string Group, Topology Topology, int MaxSkew = 1, bool Required = true);

public enum LabelOperator : byte
{
    In = 0,
    NotIn = 1,
    Exists = 2,
    Absent = 3,
}

/// <summary>What a node's label must be.</summary>
public readonly record struct LabelRule(string Key, LabelOperator Operator, ImmutableArray<string> Values)
{
    public static LabelRule Is(string key, params ImmutableArray<string> values) => new(key, LabelOperator.In, values);
    public static LabelRule IsNot(string key, params ImmutableArray<string> values) => new(key, LabelOperator.NotIn, values);
    public static LabelRule Exists(string key) => new(key, LabelOperator.Exists, []);
    public static LabelRule Absent(string key) => new(key, LabelOperator.Absent, []);

    public override string ToString() => Operator switch
    {
        LabelOperator.In => $"{Key}={string.Join('|', Values)}",
        LabelOperator.NotIn => $"{Key}!={string.Join('|', Values)}",
        LabelOperator.Exists => Key,
        _ => $"!{Key}",
    };
}

/// <summary>What a tenant wants. Cores are whole physical cores: a core of two threads gives two processors.</summary>
public sealed record PlacementRequest
{
    /// <summary>Unique in the fleet; replica n of a gang is "tenant/n".</summary>
    public required string Tenant { get; init; }
    public string Project { get; init; } = "default";
    public required int Cores { get; init; }
    /// <summary>Units of 2 MiB.</summary>
    public required int MemoryUnits { get; init; }
    /// <summary>Bytes of its kernel and initrd, which the node must be able to hold; 0: none are known.</summary>
    public long ImageBytes { get; init; }
    public ImmutableArray<DeviceRequest> Devices { get; init; } = [];
    public NumaPolicy Numa { get; init; }
    public DeviceLocality DeviceLocality { get; init; }
    public Strategy Strategy { get; init; }
    /// <summary>Groups of its project that the tenant belongs to.</summary>
    public ImmutableArray<string> Groups { get; init; } = [];
    public ImmutableArray<AffinityRule> Affinity { get; init; } = [];
    public ImmutableArray<SpreadRule> Spread { get; init; } = [];
    public ImmutableArray<LabelRule> Labels { get; init; } = [];
    /// <summary>Higher is more important.</summary>
    public int Priority { get; init; }
    /// <summary>May stop tenants of lower priority when nothing else helps.</summary>
    public bool MayPreempt { get; init; }
    /// <summary>Copies that are placed all or none.</summary>
    public int Replicas { get; init; } = 1;
    /// <summary>Holds capacity under this name, for requests of the same project that claim it.</summary>
    public string? Reserves { get; init; }
    /// <summary>Takes the place of one holder of the reservation of this name.</summary>
    public string? Claims { get; init; }
    /// <summary>Is never moved: drain names it as a blocker.</summary>
    public bool Pinned { get; init; }
    /// <summary>The plan is for reading only: the fleet refuses to commit it.</summary>
    public bool DryRun { get; init; }
    /// <summary>How many further nodes a plan names, best first, for a committer that finds the first one taken.</summary>
    public int Alternatives { get; init; } = 3;
}
