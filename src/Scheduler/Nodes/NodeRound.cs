using Microsoft.Extensions.Logging;
using Npgsql;
using Osv.Data.Lifecycles;
using Osv.Scheduler.Hosting;
using Osv.Scheduler.Placing;

namespace Osv.Scheduler.Nodes;

/// <summary>Claims nodes that are due and takes their next step.</summary>
public sealed class NodeRound(NpgsqlDataSource source, NodeReconciler reconciler, Drainer drainer, SchedulerOptions options, WakeSignals wake, ILogger<NodeRound> log) : IRound
{
    public async Task<bool> RunAsync(CancellationToken cancel)
    {
        IReadOnlyList<LifecycleClaim<NodeState>> claims = await LifecycleClaims.ClaimNodesAsync(source, options.Replica, options.Batch, options.ClaimFor, cancel);
        bool ready = false, moved = false;
        foreach (LifecycleClaim<NodeState> claim in claims)
        {
            try
            {
                if (await reconciler.ReconcileAsync(claim.Id, cancel) is not { } done) continue;
                ready |= done.Step is NodeMoves { State: NodeState.Ready };
                moved |= done.Step is NodeMoves;
                if (done.Step is NodeDrains) await drainer.StepAsync(claim.Id, done.Node.Name, cancel);
            }
            catch (Exception error) when (error is PostgresException or InvalidOperationException)
            {
                log.ReconcileFailed("node", claim.Id, error);
            }
        }
        if (ready) await PendingRows.WakeAsync(source, cancel);
        if (moved)
        {
            wake.Tenants.Set();
            wake.Outbox.Set();
        }
        return moved || claims.Count == options.Batch;
    }
}
