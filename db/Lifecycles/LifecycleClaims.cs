using Npgsql;

namespace Osv.Data.Lifecycles;

/// <summary>A lifecycle that a reconciler has in hand.</summary>
/// <param name="Id">Of the node or tenant.</param>
/// <param name="State">Its state when it was claimed.</param>
/// <param name="Overdue">True: the deadline of the state has passed.</param>
public sealed record LifecycleClaim<TState>(Guid Id, TState State, bool Overdue)
    where TState : struct, Enum;

/// <summary>Hands due lifecycles to reconcilers, each to one at a time. Claims of a reconciler that died run out by the clock of the database.</summary>
public static class LifecycleClaims
{
    /// <summary>Claims up to <paramref name="most"/> nodes that are due, the longest due first.</summary>
    public static Task<IReadOnlyList<LifecycleClaim<NodeState>>> ClaimNodesAsync(NpgsqlDataSource source, string holder, int most, TimeSpan duration, CancellationToken cancel) =>
        ClaimAsync<NodeState>(source, "node", holder, most, duration, cancel);

    /// <summary>Claims up to <paramref name="most"/> tenants that are due, the longest due first.</summary>
    public static Task<IReadOnlyList<LifecycleClaim<TenantState>>> ClaimTenantsAsync(NpgsqlDataSource source, string holder, int most, TimeSpan duration, CancellationToken cancel) =>
        ClaimAsync<TenantState>(source, "tenant", holder, most, duration, cancel);

    private static async Task<IReadOnlyList<LifecycleClaim<TState>>> ClaimAsync<TState>(NpgsqlDataSource source, string thing, string holder, int most, TimeSpan duration, CancellationToken cancel)
        where TState : struct, Enum
    {
        await using NpgsqlCommand command = source.CreateCommand(
            $"""
            WITH due AS MATERIALIZED (
                SELECT {thing}_id FROM {thing}_lifecycles
                WHERE due_at <= clock_timestamp() AND (claimed_until IS NULL OR claimed_until <= clock_timestamp())
                ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED)
            UPDATE {thing}_lifecycles l SET claimed_by = $1, claimed_until = clock_timestamp() + $3 FROM due WHERE l.{thing}_id = due.{thing}_id
            RETURNING l.{thing}_id, l.state, coalesce(l.deadline_at <= clock_timestamp(), false), l.due_at
            """);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = holder });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = most });
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = duration });
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancel);
        var claims = new List<(LifecycleClaim<TState> Claim, DateTimeOffset DueAt)>();
        while (await reader.ReadAsync(cancel))
        {
            claims.Add((new LifecycleClaim<TState>(reader.GetGuid(0), Enum.Parse<TState>(reader.GetString(1)), reader.GetBoolean(2)), reader.GetFieldValue<DateTimeOffset>(3)));
        }
        return [.. claims.OrderBy(claim => claim.DueAt).Select(claim => claim.Claim)];
    }
}
