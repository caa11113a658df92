namespace Osv.Placement.Plans;

public enum ConflictReason
{
    /// <summary>The plan was a dry run.</summary>
    DryRun,
    UnknownNode,
    /// <summary>A tenant of this name has a place.</summary>
    AlreadyPlaced,
    /// <summary>A tenant or holder that the plan replaces has gone.</summary>
    ReleasedMeanwhile,
    /// <summary>State, labels, affinity or spread forbid the node now.</summary>
    Rule,
    NoFreePartition,
    UnknownThread,
    SiblingsSplit,
    CoreNotFree,
    MemoryNotFree,
    DeviceNotFree,
}

/// <summary>Why a plan can no longer be committed; nothing was changed. Walk on to the next candidate, or plan anew.</summary>
public sealed record Conflict(ConflictReason Reason, string Text);
