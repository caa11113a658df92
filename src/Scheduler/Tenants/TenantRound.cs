using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Npgsql;
using Osv.Data.Lifecycles;
using Osv.Scheduler.Hosting;
using Osv.Scheduler.Placing;

namespace Osv.Scheduler.Tenants;

/// <summary>Claims tenants that are due and takes their next step; those that wait for a place are planned together.</summary>
public sealed class TenantRound(NpgsqlDataSource source, TenantReconciler reconciler, Placer placer, SchedulerOptions options, WakeSignals wake, ILogger<TenantRound> log) : IRound
{
    /// <summary>Tenants that are reconciled at the same time.</summary>
    private const int AtOnce = 4;

    public async Task<bool> RunAsync(CancellationToken cancel)
    {
        IReadOnlyList<LifecycleClaim<TenantState>> claims = await LifecycleClaims.ClaimTenantsAsync(source, options.Replica, options.Batch, options.ClaimFor, cancel);
        if (claims.Count == 0) return false;
        HashSet<Guid> waiting = await WaitingAsync([.. claims.Where(claim => claim.State == TenantState.Pending).Select(claim => claim.Id)], cancel);
        var found = new ConcurrentBag<Guid>();
        int released = 0, moved = 0;
        await Parallel.ForEachAsync(claims.Where(claim => !waiting.Contains(claim.Id)), new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancel }, async (claim, stop) =>
        {
            try
            {
                switch (await reconciler.ReconcileAsync(claim.Id, stop))
                {
                    case TenantOutcome.Waits:
                        found.Add(claim.Id);
                        break;
                    case TenantOutcome.Released:
                        Interlocked.Increment(ref released);
                        break;
                    case TenantOutcome.Deleted or TenantOutcome.Moved:
                        Interlocked.Increment(ref moved);
                        break;
                }
            }
            catch (Exception error) when (error is PostgresException or InvalidOperationException)
            {
                // Its claim runs out and it is tried again; the others must not wait for it.
                log.ReconcileFailed("tenant", claim.Id, error);
            }
        });
        waiting.UnionWith(found);
        if (released > 0) await PendingRows.WakeAsync(source, cancel);
        int placed = await placer.PlaceAsync(waiting, cancel);
        if (released + moved + placed > 0) wake.Jobs.Set();
        if (released + placed > 0) wake.Outbox.Set();
        // Who moved may be due again at once: a started tenant waits for a place.
        return claims.Count == options.Batch || released + moved > 0;
    }

    /// <summary>Those that want to run and own nothing: by far the most in a rush, and they need no look of their own.</summary>
    private async Task<HashSet<Guid>> WaitingAsync(Guid[] pending, CancellationToken cancel)
    {
        var waiting = new HashSet<Guid>();
        if (pending.Length == 0) return waiting;
        await using NpgsqlCommand command = source.CreateCommand(
            """
            SELECT l.tenant_id FROM tenant_lifecycles l LEFT JOIN tenant_desired d ON d.tenant_id = l.tenant_id
            WHERE l.tenant_id = ANY ($1) AND l.state = 'Pending' AND coalesce(d.intent, 'Run') = 'Run' AND NOT EXISTS (SELECT FROM placements p WHERE p.tenant_id = l.tenant_id)
            """);
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = pending });
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel)) waiting.Add(row.GetGuid(0));
        return waiting;
    }
}
