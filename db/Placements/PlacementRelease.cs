using Microsoft.EntityFrameworkCore;
using Osv.Data.Lifecycles;

namespace Osv.Data.Placements;

/// <summary>Gives a tenant's place back.</summary>
public static class PlacementRelease
{
    /// <summary>Type of the message that tells of it; its body has tenantId and fence.</summary>
    public const string ReleasedMessage = "tenant.released";

    /// <summary>
    /// Frees everything the tenant owns and moves it to <paramref name="state"/>, in the transaction of <paramref name="context"/> or one of its own.
    /// Only who is sure that the tenant no longer runs may call this: its cores and memory are sold anew at once.
    /// </summary>
    /// <param name="context">The database.</param>
    /// <param name="tenantId">The tenant.</param>
    /// <param name="fence">The placement meant; a newer one is left alone.</param>
    /// <param name="state">A state that owns nothing: Pending, Stopped or Failed.</param>
    /// <param name="reason">For people.</param>
    /// <param name="placeWithin">Deadline of the new search for a place when the state is Pending.</param>
    /// <param name="cancel">Ends the statement.</param>
    /// <returns>False: that placement is gone already.</returns>
    public static async Task<bool> ReleaseAsync(OsvDbContext context, Guid tenantId, long fence, TenantState state, string reason, TimeSpan placeWithin, CancellationToken cancel)
    {
        if (state is not (TenantState.Pending or TenantState.Stopped or TenantState.Failed)) throw new ArgumentOutOfRangeException(nameof(state), state, "a tenant in this state owns its place: choose Pending, Stopped or Failed");
        await using var transaction = context.Database.CurrentTransaction is null ? await context.Database.BeginTransactionAsync(cancel) : null;
        // The same locks in the same order as the commit path.
        await context.Database.ExecuteSqlAsync($"SELECT FROM tenant_lifecycles WHERE tenant_id = {tenantId} FOR NO KEY UPDATE", cancel);
        await context.Database.ExecuteSqlAsync($"SELECT FROM projects WHERE id = (SELECT project_id FROM tenants WHERE id = {tenantId}) FOR NO KEY UPDATE", cancel);
        await context.Database.ExecuteSqlAsync($"SELECT FROM nodes WHERE id = (SELECT node_id FROM placements WHERE tenant_id = {tenantId} AND fence = {fence}) FOR NO KEY UPDATE", cancel);
        if (await context.Database.ExecuteSqlAsync($"DELETE FROM placements WHERE tenant_id = {tenantId} AND fence = {fence}", cancel) == 0) return false;
        string name = state.ToString();
        TimeSpan? within = state == TenantState.Pending ? placeWithin : null;
        await context.Database.ExecuteSqlAsync(
            $"""
            UPDATE tenant_lifecycles SET state = {name}, reason = {reason}, owner = 'scheduler', deadline_at = clock_timestamp() + {within},
                due_at = CASE WHEN {name} = 'Pending' THEN clock_timestamp() END, claimed_by = NULL, claimed_until = NULL
            WHERE tenant_id = {tenantId}
            """,
            cancel);
        await context.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO outbox_messages (message_id, message_type, body, created_at)
            VALUES (gen_random_uuid(), {ReleasedMessage}, jsonb_build_object('tenantId', {tenantId}, 'fence', {fence}), clock_timestamp())
            """,
            cancel);
        if (transaction is not null) await transaction.CommitAsync(cancel);
        return true;
    }
}
