using System.Collections.Immutable;
using Osv.Placement.Requests;

namespace Osv.Placement.Plans;

/// <summary>A plan or a refusal.</summary>
public abstract record PlanResult(PlacementRequest Request);

/// <summary>Where the request can go, best first. Nothing is taken before the plan is committed.</summary>
/// <param name="Candidates">At least one, each on another node.</param>
/// <param name="Releases">
/// Tenants that must stop first (victims of preemption) or holders of a claimed reservation; then there is one candidate.
/// </param>
public sealed record Plan(PlacementRequest Request, ImmutableArray<Assignment> Candidates, ImmutableArray<string> Releases) : PlanResult(Request)
{
    public Assignment Best => Candidates[0];
}

/// <summary>Nodes that one filter took out, in one dimension of it.</summary>
/// <param name="Filter">Name of the filter, see <see cref="Filters.FilterName"/>.</param>
/// <param name="Dimension">What was lacking: a device class, a label rule, a group; the filter's name when it has one only.</param>
/// <param name="Text">The part of the sentence after the count.</param>
public sealed record Rejection(string Filter, string Dimension, int Nodes, string Text);

/// <summary>Survivors after a filter, in the order in which filters run.</summary>
public readonly record struct Survivors(string Filter, int Nodes);

/// <summary>A shape of partition that one node could take now.</summary>
public sealed record Shape(int Cores, int MemoryUnits, ImmutableArray<DeviceRequest> Devices)
{
    public override string ToString()
    {
        string devices = string.Concat(Devices.Select(device => $" and {device.Count} {device.Class}"));
        return $"{Cores} {(Cores == 1 ? "core" : "cores")} with {PartitionLimits.Describe(MemoryUnits)}{devices}";
    }
}

/// <summary>Why the request has no place.</summary>
/// <param name="Nodes">Nodes looked at.</param>
/// <param name="Rejections">Their nodes add up to <paramref name="Nodes"/>; most first.</param>
/// <param name="Funnel">Survivor count after each filter.</param>
/// <param name="Largest">
/// For each dimension of the request the most that fits with the others as asked, where that is anything; on nodes that
/// pass every filter but those for resources.
/// </param>
/// <param name="Text">The whole in one sentence.</param>
public sealed record Refusal(
    PlacementRequest Request,
    int Nodes,
    ImmutableArray<Rejection> Rejections,
    ImmutableArray<Survivors> Funnel,
    ImmutableArray<Shape> Largest,
    string Text) : PlanResult(Request);

/// <summary>A place for every replica of a gang; they are committed together.</summary>
public sealed record GangPlan(PlacementRequest Request, ImmutableArray<Plan> Replicas) : PlanResult(Request);

/// <summary>What the filters do with a request, whether or not a node is left.</summary>
public sealed record Explanation(int Nodes, ImmutableArray<Survivors> Funnel, ImmutableArray<Rejection> Rejections, int Placeable);
