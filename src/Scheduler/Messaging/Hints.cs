using System.Text.Json;
using Osv.Data.Placements;
using Osv.Scheduler.Nodes;

namespace Osv.Scheduler.Messaging;

/// <summary>A tenant got a place.</summary>
public sealed record TenantPlaced(Guid TenantId, Guid NodeId, long Fence);

/// <summary>A tenant's place was freed.</summary>
public sealed record TenantReleased(Guid TenantId, long Fence);

/// <summary>A node came into another state.</summary>
public sealed record NodeChanged(Guid NodeId, string State);

/// <summary>The messages of the outbox by the name that they are stored under. All are hints: whoever misses one finds the same in the database, later.</summary>
public static class Hints
{
    private static readonly JsonSerializerOptions s_options = new(JsonSerializerDefaults.Web);

    private static readonly Dictionary<string, Type> s_types = new(StringComparer.Ordinal)
    {
        [PlacementCommit.PlacedMessage] = typeof(TenantPlaced),
        [PlacementRelease.ReleasedMessage] = typeof(TenantReleased),
        [NodeReconciler.ChangedMessage] = typeof(NodeChanged),
    };

    /// <summary>Null: a type that this version does not know, or a body that is not of its type.</summary>
    public static object? Read(string type, string body)
    {
        try
        {
            return s_types.TryGetValue(type, out Type? contract) ? JsonSerializer.Deserialize(body, contract, s_options) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
