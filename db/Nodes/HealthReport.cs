namespace Osv.Data.Nodes;

/// <summary>What one watcher says about a node. A node has many; each says what follows from it.</summary>
public sealed class NodeHealthReport : IVersioned
{
    public required Guid NodeId { get; init; }

    /// <summary>What is watched: "agent-heartbeat", "memory-errors", ...</summary>
    public required string Source { get; init; }

    public required string Summary { get; set; }

    public bool PreventsPlacement { get; set; }

    public bool PreventsStateChanges { get; set; }

    public bool SuppressesAlerts { get; set; }

    public required DateTimeOffset ObservedAt { get; set; }

    /// <summary>After this the report no longer counts; null: until withdrawn.</summary>
    public DateTimeOffset? ExpiresAt { get; set; }

    public uint RowVersion { get; private set; }
}
