using Npgsql;
using Osv.Data.Nodes;
using Wire = Osv.Contracts.Node;

namespace Osv.Web.Gateway;

/// <summary>Stores what monitors recorded, each event once, and draws the conclusions for health.</summary>
internal sealed class EventWriter(NpgsqlDataSource source, HealthReports health, DatabaseClock clock) : BackgroundService
{
    private const int LongestCause = 64, LongestBoot = 64;

    // A tenant is named only where it has or had a place on the node, whatever the agent says.
    private const string Insert =
        """
        WITH said AS MATERIALIZED (SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) AS w(node_id, monitor_boot, number, tenant_id, kind, cause, at, apic_id, rip, detail, partition_number)),
        stored AS (
            INSERT INTO partition_events (node_id, monitor_boot, number, tenant_id, kind, cause, at, apic_id, rip, detail, partition_number)
            SELECT w.node_id, w.monitor_boot, w.number,
                (SELECT t.id FROM tenants t WHERE t.id = w.tenant_id AND (EXISTS (SELECT FROM placements p WHERE p.tenant_id = t.id AND p.node_id = w.node_id) OR EXISTS (SELECT FROM tenant_observed o WHERE o.tenant_id = t.id AND o.node_id = w.node_id))),
                w.kind, w.cause, w.at, w.apic_id, w.rip, w.detail, w.partition_number
            FROM said w JOIN nodes n ON n.id = w.node_id ORDER BY w.node_id, w.monitor_boot, w.number ON CONFLICT DO NOTHING),
        newest AS (SELECT DISTINCT ON (node_id) node_id, monitor_boot, number FROM said ORDER BY node_id, number DESC)
        UPDATE node_connections c SET events_boot = w.monitor_boot, events_known = CASE WHEN c.events_boot = w.monitor_boot THEN greatest(c.events_known, w.number) ELSE w.number END
        FROM newest w WHERE w.node_id = c.node_id AND c.monitor_boot = w.monitor_boot
        """;

    private BatchWriter<PartitionEvent>? _events;

    private BatchWriter<PartitionEvent> Events => _events ??= new(500, WriteAsync);

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Events.RunAsync(stoppingToken);

    /// <returns>What was wrong with it; null: nothing.</returns>
    public async Task<string?> TakeAsync(NodeLink link, Wire.PartitionEvent said, DateTimeOffset at, CancellationToken cancel)
    {
        if (said.Kind == Wire.EventKind.Unspecified || !Enum.IsDefined(said.Kind)) return "an event of a kind that is not known here";
        if (said.BootId != link.MonitorBoot || said.BootId.Length > LongestBoot) return "an event of another boot than the agent's";
        if (said.Number is 0 or > long.MaxValue) return "an event with a number that cannot be";
        Guid? tenant = Guid.TryParse(said.TenantId, out Guid id) && link.Memory.Knows(id, clock.Now) ? id : null;
        var happened = new PartitionEvent
        {
            NodeId = link.Node, MonitorBoot = said.BootId, Number = (long)said.Number, TenantId = tenant, Kind = said.Kind.ToString(), Cause = Reports.Cut(said.Cause, LongestCause), At = at,
            ApicId = (int)Math.Min(said.ApicId, int.MaxValue), Rip = unchecked((long)said.Rip), Detail = unchecked((long)said.Detail), PartitionNumber = (int)Math.Min(said.Partition, int.MaxValue),
        };
        await Events.AddAsync(happened, cancel);
        await health.HappenedAsync(link, tenant, said.Kind, happened, cancel);
        return said.TenantId.Length > 0 && tenant is null ? $"tenant '{Reports.Short(said.TenantId)}' has no place on this node; the event is kept without it" : null;
    }

    private async Task WriteAsync(IReadOnlyList<PartitionEvent> events, CancellationToken cancel)
    {
        await using NpgsqlCommand command = source.CreateCommand(Insert);
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = [.. events.Select(one => one.NodeId)] });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. events.Select(one => one.MonitorBoot)] });
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. events.Select(one => one.Number)] });
        command.Parameters.Add(new NpgsqlParameter<Guid?[]> { TypedValue = [.. events.Select(one => one.TenantId)] });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. events.Select(one => one.Kind)] });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. events.Select(one => one.Cause)] });
        command.Parameters.Add(new NpgsqlParameter<DateTime[]> { TypedValue = [.. events.Select(one => one.At.UtcDateTime)] });
        command.Parameters.Add(new NpgsqlParameter<int[]> { TypedValue = [.. events.Select(one => one.ApicId)] });
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. events.Select(one => one.Rip)] });
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. events.Select(one => one.Detail)] });
        command.Parameters.Add(new NpgsqlParameter<int[]> { TypedValue = [.. events.Select(one => one.PartitionNumber)] });
        await command.ExecuteNonQueryAsync(cancel);
    }
}
