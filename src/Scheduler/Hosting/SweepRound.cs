using Npgsql;
using Osv.Data.Leases;
using Osv.Scheduler.Nodes;
using Osv.Scheduler.Tenants;

namespace Osv.Scheduler.Hosting;

/// <summary>Compares what is with what should be, and counts what waits. One replica at a time does it, whichever holds the lease.</summary>
public sealed class SweepRound(NpgsqlDataSource source, SchedulerOptions options, SchedulerMetrics metrics, WakeSignals wake) : IRound
{
    private const string LeaseName = "scheduler-sweep";

    private const string Figures =
        """
        SELECT 'node', count(*) FILTER (WHERE due_at <= clock_timestamp()), '' FROM node_lifecycles
        UNION ALL SELECT 'tenant', count(*) FILTER (WHERE due_at <= clock_timestamp()), '' FROM tenant_lifecycles
        UNION ALL SELECT 'node.' || state, count(*), 'stalled' FROM node_lifecycles WHERE deadline_at <= clock_timestamp() GROUP BY state
        UNION ALL SELECT 'tenant.' || state, count(*), 'stalled' FROM tenant_lifecycles WHERE deadline_at <= clock_timestamp() GROUP BY state
        """;

    public async Task<bool> RunAsync(CancellationToken cancel)
    {
        if (await LeaseStore.AcquireAsync(source, LeaseName, options.Replica, options.Poll * 5, cancel) is null) return false;
        if (await NodeSweep.RunAsync(source, options.Batch, options.Nodes, cancel) > 0) wake.Nodes.Set();
        if (await TenantSweep.RunAsync(source, options.Batch, cancel) > 0) wake.Tenants.Set();
        metrics.Measured(await MeasureAsync(cancel));
        return false;
    }

    private async Task<QueueFigures> MeasureAsync(CancellationToken cancel)
    {
        var due = new Dictionary<string, long>();
        var stalled = new Dictionary<string, long>();
        await using NpgsqlCommand command = source.CreateCommand(Figures);
        await using NpgsqlDataReader row = await command.ExecuteReaderAsync(cancel);
        while (await row.ReadAsync(cancel)) (row.GetString(2).Length == 0 ? due : stalled)[row.GetString(0)] = row.GetInt64(1);
        return new QueueFigures(due, stalled);
    }
}
