using Npgsql;

namespace Osv.Data.Nodes;

/// <summary>Writes the heartbeats of a whole fleet with one statement.</summary>
public static class Heartbeats
{
    /// <summary>Keeps the newest of what is stored and what is given. Nodes that no longer exist are passed over.</summary>
    /// <returns>How many rows were written.</returns>
    public static async Task<int> WriteAsync(NpgsqlDataSource source, IReadOnlyCollection<NodeHeartbeat> heartbeats, CancellationToken cancel)
    {
        NodeHeartbeat[] newest = [.. heartbeats.GroupBy(beat => beat.NodeId).Select(beats => beats.MaxBy(beat => beat.ReceivedAt)!)];
        await using NpgsqlCommand command = source.CreateCommand(
            """
            INSERT INTO node_heartbeats AS h (node_id, received_at, sequence, lease_expires_at)
            SELECT w.node_id, w.received_at, w.sequence, w.lease_expires_at
            FROM unnest($1, $2, $3, $4) AS w(node_id, received_at, sequence, lease_expires_at) JOIN nodes n ON n.id = w.node_id ORDER BY w.node_id
            ON CONFLICT (node_id) DO UPDATE SET received_at = EXCLUDED.received_at, sequence = EXCLUDED.sequence, lease_expires_at = EXCLUDED.lease_expires_at
            WHERE h.received_at < EXCLUDED.received_at
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = [.. newest.Select(beat => beat.NodeId)] });
        command.Parameters.Add(new NpgsqlParameter<DateTime[]> { TypedValue = [.. newest.Select(beat => beat.ReceivedAt.UtcDateTime)] });
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. newest.Select(beat => beat.Sequence)] });
        command.Parameters.Add(new NpgsqlParameter<DateTime[]> { TypedValue = [.. newest.Select(beat => beat.LeaseExpiresAt.UtcDateTime)] });
        return await command.ExecuteNonQueryAsync(cancel);
    }
}
