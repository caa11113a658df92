using Npgsql;
using Osv.Data.Lifecycles;

namespace Osv.Scheduler.Placing;

/// <summary>
/// Has tenants stopped that are to run elsewhere: they make room for a more important one, or their node is drained. What is recorded is the
/// lifecycle: Stopping, while the owner goes on wanting it to run, means that it looks for another place once it has stopped.
/// </summary>
public static class Displacement
{
    private static readonly string[] s_from = [.. Enum.GetValues<TenantState>().Where(state => TenantStates.Machine.Allows(state, TenantState.Stopping) && state != TenantState.Unreachable).Select(state => state.ToString())];

    /// <returns>The tenants that were moved to Stopping; the others were not in a state to be stopped, or are stopping already.</returns>
    public static async Task<IReadOnlyList<Guid>> StopAsync(NpgsqlDataSource source, IReadOnlyCollection<Guid> tenants, string reason, TimeSpan within, CancellationToken cancel)
    {
        // Locked in the order in which everybody locks tenants.
        await using NpgsqlCommand command = source.CreateCommand(
            """
            WITH victims AS MATERIALIZED (SELECT tenant_id FROM tenant_lifecycles WHERE tenant_id = ANY ($1) AND state = ANY ($2) ORDER BY tenant_id FOR NO KEY UPDATE)
            UPDATE tenant_lifecycles l SET state = 'Stopping', reason = $3, owner = 'agent', deadline_at = clock_timestamp() + $4, due_at = clock_timestamp() + $4, claimed_by = NULL, claimed_until = NULL
            FROM victims WHERE l.tenant_id = victims.tenant_id RETURNING l.tenant_id
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = [.. tenants] });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = s_from });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = reason });
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = within });
        var stopped = new List<Guid>();
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel)) stopped.Add(row.GetGuid(0));
        return stopped;
    }
}
