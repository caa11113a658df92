using Google.Protobuf;
using Wire = Osv.Contracts.Node;

namespace Osv.Web.Gateway;

/// <summary>A placement on a node, as it was when a desired state was made.</summary>
/// <param name="Fence">Of the placement.</param>
/// <param name="Wanted">The agent is to run it.</param>
/// <param name="StoppingSince">When its lifecycle came into Stopping; null: it is not there.</param>
/// <param name="PlacedAt">When it got its place.</param>
/// <param name="TraceParent">Of the request that its desired state follows from; null: nobody asked for a trace.</param>
internal sealed record PlacedTenant(long Fence, bool Wanted, DateTimeOffset? StoppingSince, DateTimeOffset PlacedAt, string? TraceParent);

/// <summary>
/// A desired state as it is sent, with what it was made from: reports that are measured against it are judged by that. Its revision is the time of
/// the database in microseconds, so it grows whichever replica makes it, also after the database was restored from a backup.
/// </summary>
internal sealed record DesiredPlan
{
    public required ulong Revision { get; init; }

    public required IReadOnlyList<Wire.DesiredPartition> Partitions { get; init; }

    public required IReadOnlyDictionary<Guid, PlacedTenant> Tenants { get; init; }

    public Wire.ControlEnvelope ToEnvelope()
    {
        var state = new Wire.DesiredState { Revision = Revision };
        state.Partitions.Add(Partitions);
        return new Wire.ControlEnvelope { Desired = state };
    }

    /// <summary>True where the agent need not be told of the other one. A tenant that came into Stopping counts: only a report measured against a state made after that frees its place.</summary>
    public bool SaysTheSameAs(DesiredPlan other) =>
        Partitions.SequenceEqual(other.Partitions) && Tenants.Count == other.Tenants.Count && Tenants.All(tenant => other.Tenants.TryGetValue(tenant.Key, out PlacedTenant? placed) && placed == tenant.Value);
}

/// <summary>What is to be known of a node whose agent is connected.</summary>
/// <param name="Admitted">False: it was retired or deleted.</param>
/// <param name="Lost">It gets no desired state: its tenants may be about to start elsewhere.</param>
/// <param name="Stream">The newest stream of the node, wherever it is.</param>
/// <param name="Plan">What it should run.</param>
/// <param name="Commands">Orders that were not sent yet.</param>
internal sealed record NodeFacts(Guid Node, bool Admitted, bool Lost, string? Stream, DesiredPlan Plan, IReadOnlyList<PendingCommand> Commands);

/// <param name="Envelope">As it is sent.</param>
internal sealed record PendingCommand(Guid Id, string Name, string By, Wire.ControlEnvelope Envelope);
