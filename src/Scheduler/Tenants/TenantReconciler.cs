using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Npgsql;
using Osv.Data;
using Osv.Data.Lifecycles;
using Osv.Data.Placements;
using Osv.Scheduler.Fleets;
using Osv.Scheduler.Hosting;

namespace Osv.Scheduler.Tenants;

/// <summary>What a look at a tenant came to.</summary>
public enum TenantOutcome
{
    /// <summary>It waits for a place.</summary>
    Waits,
    Unchanged,
    Moved,
    /// <summary>Its place was freed.</summary>
    Released,
    Deleted,
    /// <summary>It does not exist.</summary>
    Gone,
}

/// <summary>Takes one tenant's next step in one transaction that holds everything the decision rests on.</summary>
public sealed class TenantReconciler(IDbContextFactory<OsvDbContext> contexts, SchedulerOptions options, SchedulerMetrics metrics, ILogger<TenantReconciler> log)
{
    private readonly TenantDecision _decision = new(options.Tenants) { PlaceWithin = options.Placing.PlaceWithin };

    public async Task<TenantOutcome> ReconcileAsync(Guid tenant, CancellationToken cancel)
    {
        await using OsvDbContext context = await contexts.CreateDbContextAsync(cancel);
        await using var transaction = await context.Database.BeginTransactionAsync(cancel);
        var connection = (NpgsqlConnection)context.Database.GetDbConnection();
        if (await SituationReader.LockAsync(connection, tenant, options, cancel) is not { } situation) return TenantOutcome.Gone;
        TenantStep step = _decision.Decide(situation);
        TenantOutcome outcome = step switch
        {
            FindPlace => TenantOutcome.Waits,
            Stay stay => await StayAsync(context, situation, stay, cancel),
            Move move => await MoveAsync(context, situation, move, cancel),
            Release release => await ReleaseAsync(context, situation, release, cancel),
            Delete => await DeleteAsync(context, situation, cancel),
            _ => throw new InvalidOperationException($"no such step: {step}"),
        };
        if (step.Follows is { } restarts) await context.Database.ExecuteSqlAsync($"UPDATE tenant_observed SET restarts_followed = {restarts} WHERE tenant_id = {tenant}", cancel);
        if (step.FollowsReboots is { } reboots) await context.Database.ExecuteSqlAsync($"UPDATE tenant_observed SET reboots_followed = {reboots} WHERE tenant_id = {tenant}", cancel);
        await transaction.CommitAsync(cancel);
        return outcome;
    }

    private static async Task<TenantOutcome> StayAsync(OsvDbContext context, TenantSituation tenant, Stay stay, CancellationToken cancel)
    {
        await context.Database.ExecuteSqlAsync(
            $"UPDATE tenant_lifecycles SET reason = {stay.Reason}, due_at = clock_timestamp() + {stay.LookAfter}, claimed_by = NULL, claimed_until = NULL WHERE tenant_id = {tenant.Id}", cancel);
        return TenantOutcome.Unchanged;
    }

    private async Task<TenantOutcome> MoveAsync(OsvDbContext context, TenantSituation tenant, Move move, CancellationToken cancel)
    {
        foreach (StateChange change in move.Changes) await WriteAsync(context, tenant, change, cancel);
        int more = move.Restart ? Math.Max(1, (move.Follows ?? 0) - (tenant.Seen?.RestartsFollowed ?? 0)) : 0;
        if (move.Restart || move.ForgetRestarts)
        {
            await context.Database.ExecuteSqlAsync($"UPDATE tenant_lifecycles SET restarts = CASE WHEN {move.ForgetRestarts} THEN 0 ELSE restarts + {more} END WHERE tenant_id = {tenant.Id}", cancel);
        }
        if (move.AskReboot) await context.Database.ExecuteSqlAsync($"UPDATE tenant_desired SET reboots = reboots + 1 WHERE tenant_id = {tenant.Id}", cancel);
        if (move.GiveUp) await GiveUpAsync(context, tenant, cancel);
        if (move.BlameNode) await BlameAsync(context, tenant, move.Changes[^1].Reason, cancel);
        return TenantOutcome.Moved;
    }

    private async Task<TenantOutcome> ReleaseAsync(OsvDbContext context, TenantSituation tenant, Release release, CancellationToken cancel)
    {
        if (!TenantStates.Machine.Allows(tenant.State, release.State))
        {
            await WriteAsync(context, tenant, new StateChange(TenantState.Stopping, release.Reason, TenantDecision.Scheduler, options.Tenants.StoppingWithin, null), cancel);
        }
        if (!await PlacementRelease.ReleaseAsync(context, tenant.Id, tenant.Place!.Fence, release.State, release.Reason, options.Placing.PlaceWithin, cancel)) return TenantOutcome.Unchanged;
        if (release.Restart) await context.Database.ExecuteSqlAsync($"UPDATE tenant_lifecycles SET restarts = restarts + 1 WHERE tenant_id = {tenant.Id}", cancel);
        if (release.GiveUp) await GiveUpAsync(context, tenant, cancel);
        Tell(tenant, release.State, release.Reason);
        return TenantOutcome.Released;
    }

    private async Task<TenantOutcome> DeleteAsync(OsvDbContext context, TenantSituation tenant, CancellationToken cancel)
    {
        await context.Database.ExecuteSqlAsync($"DELETE FROM tenants WHERE id = {tenant.Id}", cancel);
        log.TenantDeleted(tenant.Id);
        return TenantOutcome.Deleted;
    }

    private async Task WriteAsync(OsvDbContext context, TenantSituation tenant, StateChange change, CancellationToken cancel)
    {
        string state = change.State.ToString();
        await context.Database.ExecuteSqlAsync(
            $"""
            UPDATE tenant_lifecycles SET state = {state}, reason = {change.Reason}, owner = {change.Owner}, deadline_at = clock_timestamp() + {change.Within},
                due_at = clock_timestamp() + {change.LookAfter}, claimed_by = NULL, claimed_until = NULL
            WHERE tenant_id = {tenant.Id}
            """,
            cancel);
        Tell(tenant, change.State, change.Reason);
    }

    /// <summary>What is given up does not run until its owner wants it again.</summary>
    private static Task<int> GiveUpAsync(OsvDbContext context, TenantSituation tenant, CancellationToken cancel) =>
        context.Database.ExecuteSqlAsync($"UPDATE tenant_desired SET intent = 'Stop', changed_by = {TenantDecision.Scheduler}, changed_at = clock_timestamp() WHERE tenant_id = {tenant.Id} AND intent = 'Run'", cancel);

    private Task<int> BlameAsync(OsvDbContext context, TenantSituation tenant, string reason, CancellationToken cancel)
    {
        string source = FleetReader.StartFailure + tenant.Id;
        return context.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO node_health_reports (node_id, source, summary, prevents_placement, prevents_state_changes, suppresses_alerts, observed_at, expires_at)
            VALUES ({tenant.Place!.NodeId}, {source}, {reason}, false, false, false, clock_timestamp(), clock_timestamp() + {options.Nodes.FailureMemory})
            ON CONFLICT (node_id, source) DO UPDATE SET summary = EXCLUDED.summary, observed_at = EXCLUDED.observed_at, expires_at = EXCLUDED.expires_at
            """,
            cancel);
    }

    private void Tell(TenantSituation tenant, TenantState state, string reason)
    {
        metrics.Moved("tenant", state.ToString());
        SchedulerTraces.Moved(tenant.TraceParent, tenant.Id, tenant.State.ToString(), state.ToString(), tenant.Since, reason);
        log.TenantMoved(tenant.Id, state, reason);
    }
}
