using Npgsql;
using Osv.Data.Logs;
using Osv.Data.Tenants;
using Osv.Scheduler.Hosting;
using Wire = Osv.Contracts.Node;

namespace Osv.Web.Gateway;

/// <summary>
/// Writes what agents observe of tenants, each with the fence of the placement that it was measured against. A report that was not measured against a
/// desired state of this session says nothing about placements, so it is passed over; the agent reports anew when it has taken over the next one.
/// </summary>
internal sealed class ObservationWriter(NpgsqlDataSource source, HealthReports health, DatabaseClock clock, IServiceProvider services) : BackgroundService
{
    private const int MostPartitions = 4096, MostExits = 64, LongestReason = 500, MostFunctions = 16;

    private static readonly TimeSpan ExitPeriod = TimeSpan.FromSeconds(5);

    // The tenants whose phase changed are made due at once; the scheduler would find them by itself a second later.
    private const string Write =
        """
        WITH said AS MATERIALIZED (
            SELECT p.tenant_id, p.node_id, w.phase, w.number, p.fence, w.reboots, w.cause, w.restarts, w.last_end
            FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS w(node_id, tenant_id, fence, phase, number, reboots, cause, stopping_since, restarts, last_end)
                JOIN placements p ON p.tenant_id = w.tenant_id AND p.node_id = w.node_id AND p.fence = w.fence
            WHERE w.phase <> 'Absent' OR EXISTS (SELECT FROM tenant_lifecycles l WHERE l.tenant_id = p.tenant_id AND l.state = 'Stopping' AND l.entered_at = w.stopping_since)),
        changed AS MATERIALIZED (
            SELECT s.tenant_id FROM said s LEFT JOIN tenant_observed o ON o.tenant_id = s.tenant_id
            WHERE (o.partition_state, o.fence, o.reboots, o.restarts, o.end_cause) IS DISTINCT FROM (s.phase, s.fence, s.reboots, s.restarts, s.cause)),
        due AS MATERIALIZED (
            SELECT l.tenant_id FROM tenant_lifecycles l JOIN changed c ON c.tenant_id = l.tenant_id
            WHERE l.due_at IS NULL OR l.due_at > clock_timestamp() FOR NO KEY UPDATE OF l SKIP LOCKED),
        woken AS (UPDATE tenant_lifecycles l SET due_at = clock_timestamp() FROM due WHERE due.tenant_id = l.tenant_id)
        INSERT INTO tenant_observed AS o (tenant_id, node_id, partition_state, partition_number, fence, reboots, reboots_followed, end_cause, restarts, restarts_followed, last_end, observed_at)
        SELECT tenant_id, node_id, phase, number, fence, reboots, reboots, cause, restarts, 0, last_end, clock_timestamp() FROM said ORDER BY tenant_id
        ON CONFLICT (tenant_id) DO UPDATE SET restarts_followed = CASE WHEN o.fence <> EXCLUDED.fence THEN 0 WHEN EXCLUDED.restarts < o.restarts THEN EXCLUDED.restarts ELSE o.restarts_followed END, restarts = EXCLUDED.restarts,
            reboots_followed = CASE WHEN o.fence <> EXCLUDED.fence THEN EXCLUDED.reboots ELSE o.reboots_followed END,
            last_end = EXCLUDED.last_end, node_id = EXCLUDED.node_id, partition_state = EXCLUDED.partition_state, partition_number = EXCLUDED.partition_number,
            fence = EXCLUDED.fence, reboots = EXCLUDED.reboots, end_cause = EXCLUDED.end_cause, observed_at = EXCLUDED.observed_at
        """;

    private sealed record Observation(Guid Node, Guid Tenant, long Fence, PartitionPhase Phase, int Number, int Reboots, string? Cause, DateTimeOffset? StoppingSince, int Restarts, string? LastEnd);

    private BatchWriter<IReadOnlyList<Observation>>? _observations;
    private BatchWriter<IReadOnlyList<ExitSample>>? _exits;

    private BatchWriter<IReadOnlyList<Observation>> Observations => _observations ??= new(256, WriteAsync);

    private BatchWriter<IReadOnlyList<ExitSample>> Exits => _exits ??= new(256, (samples, cancel) => SampleWriter.AppendAsync(source, [.. samples.SelectMany(list => list)], cancel));

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(Observations.RunAsync(stoppingToken), Exits.RunAsync(stoppingToken));

    /// <returns>What was wrong with it; null: nothing.</returns>
    public async Task<string?> TakeAsync(NodeLink link, Wire.ObservedState state, CancellationToken cancel)
    {
        if (state.Partitions.Count > MostPartitions) return $"{state.Partitions.Count} partitions, at most {MostPartitions}";
        string? problem = null;
        DateTimeOffset now = clock.Now;
        DesiredPlan? plan = link.PlanOf(state.DesiredRevision);
        var said = new List<Observation>();
        var samples = new List<ExitSample>();
        var seen = new HashSet<Guid>();
        foreach (Wire.ObservedPartition partition in state.Partitions)
        {
            if (!Guid.TryParse(partition.TenantId, out Guid tenant) || !link.Memory.Knows(tenant, now))
            {
                // It is still being stopped there, and may have a place elsewhere by now.
                if (plan?.Tenants.ContainsKey(tenant) != true) problem = $"tenant '{Reports.Short(partition.TenantId)}' has no place on this node";
                continue;
            }
            if (!seen.Add(tenant) || Check(partition) is { } wrong && (problem = wrong) is not null) continue;
            if (plan?.Tenants.GetValueOrDefault(tenant) is { } placed && PhaseOf(partition) is { } phase)
            {
                if (!(phase == PartitionPhase.Stopped && partition.Partition == 0 && !placed.Wanted)) said.Add(Of(link, tenant, placed, phase, partition, now));
                else seen.Remove(tenant);
            }
            await health.CoresAsync(link, tenant, partition, now, cancel);
            samples.AddRange(await ExitsAsync(link, tenant, partition, now, cancel));
        }
        // What the agent was told not to run and does not name any more has given everything back.
        foreach ((Guid tenant, PlacedTenant placed) in plan?.Tenants ?? new Dictionary<Guid, PlacedTenant>())
        {
            if (placed is { Wanted: false, StoppingSince: { } since } && !seen.Contains(tenant)) said.Add(new Observation(link.Node, tenant, placed.Fence, PartitionPhase.Absent, 0, 0, null, since, 0, null));
        }
        if (said.Count > 0)
        {
            await Observations.AddAsync(said, cancel);
            services.GetService<WakeSignals>()?.Tenants.Set();
        }
        foreach (Wire.ObservedPartition partition in state.Partitions.Where(partition => partition.Erased.Count != 0)) await NoteErasedAsync(link, plan, partition, cancel);
        if (samples.Count > 0) await Exits.AddAsync(samples, cancel);
        return problem;
    }

    // A new version of the node's row has the planner read its inventory anew: whose data is on a disk counts when disks are chosen.
    private const string Erased =
        """
        WITH noted AS (
            UPDATE node_devices d SET last_tenant_id = a.tenant_id FROM device_allocations a JOIN placements p ON p.tenant_id = a.tenant_id AND p.node_id = a.node_id
            WHERE d.node_id = $1 AND d.pci_address = ANY ($2) AND d.kind = 'Disk' AND a.node_id = d.node_id AND a.pci_address = d.pci_address AND a.tenant_id = $3 AND p.fence = $4
                AND d.last_tenant_id IS DISTINCT FROM a.tenant_id
            RETURNING d.node_id)
        UPDATE nodes n SET agent_version = n.agent_version WHERE n.id IN (SELECT node_id FROM noted)
        """;

    /// <summary>Disks that were erased in the partition of a tenant that owns them are the tenant's from now on.</summary>
    private async Task NoteErasedAsync(NodeLink link, DesiredPlan? plan, Wire.ObservedPartition partition, CancellationToken cancel)
    {
        if (!Guid.TryParse(partition.TenantId, out Guid tenant) || plan?.Tenants.GetValueOrDefault(tenant) is not { } placed || partition.Erased.Count > MostFunctions) return;
        await using NpgsqlCommand command = source.CreateCommand(Erased);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = link.Node });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. partition.Erased] });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = tenant });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = placed.Fence });
        // Nothing else tells the node that it may go on.
        if (await command.ExecuteNonQueryAsync(cancel) > 0) services.GetRequiredService<DesiredPush>().Ask(link.Node);
    }

    private static string? Check(Wire.ObservedPartition partition) =>
        partition.Exits.Count > MostExits || partition.Exits.Any(exit => exit.Reason.Length is 0 or > 64 || exit.Count > long.MaxValue) ? "exit counters that cannot be"
        : partition.StartGeneration > int.MaxValue || partition.Restarts > int.MaxValue || partition.Partition > int.MaxValue ? "numbers that cannot be"
        : null;

    private static PartitionPhase? PhaseOf(Wire.ObservedPartition partition) => partition.Phase switch
    {
        Wire.PartitionPhase.Fetching => PartitionPhase.Fetching,
        Wire.PartitionPhase.Creating => PartitionPhase.Creating,
        Wire.PartitionPhase.Loading => PartitionPhase.Loading,
        Wire.PartitionPhase.Running => PartitionPhase.Running,
        Wire.PartitionPhase.Stopping => PartitionPhase.Stopping,
        Wire.PartitionPhase.Stopped => PartitionPhase.Stopped,
        Wire.PartitionPhase.BackingOff => PartitionPhase.BackingOff,
        Wire.PartitionPhase.Refused => PartitionPhase.Refused,
        Wire.PartitionPhase.Invalid => PartitionPhase.Invalid,
        _ => null,
    };

    private static Observation Of(NodeLink link, Guid tenant, PlacedTenant placed, PartitionPhase phase, Wire.ObservedPartition partition, DateTimeOffset now)
    {
        TenantMemory.Remembered memory = link.Memory.Of(tenant);
        if (memory.Fence != placed.Fence) (memory.Fence, memory.Phase, memory.PhaseSince) = (placed.Fence, null, placed.PlacedAt);
        if (memory.Phase != phase)
        {
            // Only a start that began in this session is traced: of another one nobody here knows when it was seen first.
            if (memory.Phase != PartitionPhase.Running && memory.PhaseSince >= placed.PlacedAt) StartTrace.Reached(tenant, placed, link.Name, phase, memory.PhaseSince, now);
            (memory.Phase, memory.PhaseSince) = (phase, now);
        }
        string? lastEnd = partition.LastEnd.Length > 0 ? Reports.Cut(partition.LastEnd, 64) : null;
        bool explains = phase is PartitionPhase.Refused or PartitionPhase.Invalid || (phase is PartitionPhase.Fetching or PartitionPhase.Loading && partition.Reason.Length > 0);
        string? cause = explains ? Reports.Cut(partition.Reason, LongestReason) : phase is PartitionPhase.Stopped or PartitionPhase.BackingOff && partition.Partition != 0 ? lastEnd : null;
        return new Observation(link.Node, tenant, placed.Fence, phase, (int)partition.Partition, (int)partition.StartGeneration, cause, null, (int)partition.Restarts, lastEnd);
    }

    /// <summary>A reading now and then; the counters begin anew with every start.</summary>
    private async Task<IEnumerable<ExitSample>> ExitsAsync(NodeLink link, Guid tenant, Wire.ObservedPartition partition, DateTimeOffset now, CancellationToken cancel)
    {
        TenantMemory.Remembered memory = link.Memory.Of(tenant);
        if (partition.Exits.Count == 0 || memory.Exits is { } last && now - last.At < ExitPeriod) return [];
        long total = partition.Exits.Aggregate(0L, (sum, exit) => unchecked(sum + (long)exit.Count));
        if (memory.Exits is { } before && total >= before.Total) await health.ExitsAsync(link, tenant, (total - before.Total) / (now - before.At).TotalSeconds, partition, now, cancel);
        memory.Exits = (now, total);
        return partition.Exits.DistinctBy(exit => exit.Reason).Select(exit => new ExitSample { TenantId = tenant, At = now, ExitReason = exit.Reason, Total = (long)exit.Count });
    }

    private async Task WriteAsync(IReadOnlyList<IReadOnlyList<Observation>> reports, CancellationToken cancel)
    {
        // The last word on a tenant counts.
        Observation[] rows = [.. reports.SelectMany(list => list).GroupBy(row => (row.Tenant, row.Node)).Select(group => group.Last())];
        await using NpgsqlCommand command = source.CreateCommand(Write);
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = [.. rows.Select(row => row.Node)] });
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = [.. rows.Select(row => row.Tenant)] });
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. rows.Select(row => row.Fence)] });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. rows.Select(row => row.Phase.ToString())] });
        command.Parameters.Add(new NpgsqlParameter<int[]> { TypedValue = [.. rows.Select(row => row.Number)] });
        command.Parameters.Add(new NpgsqlParameter<int[]> { TypedValue = [.. rows.Select(row => row.Reboots)] });
        command.Parameters.Add(new NpgsqlParameter<string?[]> { TypedValue = [.. rows.Select(row => row.Cause)] });
        command.Parameters.Add(new NpgsqlParameter<DateTime?[]> { TypedValue = [.. rows.Select(row => row.StoppingSince?.UtcDateTime)], NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Array | NpgsqlTypes.NpgsqlDbType.TimestampTz });
        command.Parameters.Add(new NpgsqlParameter<int[]> { TypedValue = [.. rows.Select(row => row.Restarts)] });
        command.Parameters.Add(new NpgsqlParameter<string?[]> { TypedValue = [.. rows.Select(row => row.LastEnd)] });
        await command.ExecuteNonQueryAsync(cancel);
    }
}
