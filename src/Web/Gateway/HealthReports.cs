using System.Globalization;
using System.Text;
using Npgsql;
using Osv.Data.Nodes;
using Wire = Osv.Contracts.Node;

namespace Osv.Web.Gateway;

/// <summary>
/// Draws reports of health from what agents say: one row for each thing that is watched, with its cause and the time it was seen. Reports of what
/// happened once expire; reports of what is are withdrawn when it is no longer so.
/// </summary>
internal sealed class HealthReports(NpgsqlDataSource source)
{
    /// <summary>Cores of a tenant stand still. The scheduler acts on this one (src/Scheduler/README.md).</summary>
    public const string CoreProgress = "core-progress";

    /// <summary>Exits a second for each core above which something is wrong: an idle Linux makes a few, a busy one some thousand.</summary>
    private const double ExitStorm = 20_000;

    /// <summary>Free memory of the management Linux below which it is short, and above which it is well again.</summary>
    private const ulong ShortOfMemory = 32UL << 20, EnoughMemory = 64UL << 20;

    private static readonly TimeSpan Remembered = TimeSpan.FromHours(1);

    /// <summary>What Linux prints when it gives up (kernel/panic.c).</summary>
    private const string PanicText = "Kernel panic - not syncing";

    private const string SetTenant =
        """
        INSERT INTO tenant_health_reports (tenant_id, source, summary, prevents_state_changes, suppresses_alerts, observed_at, expires_at)
        SELECT p.tenant_id, $3, $4, false, false, $5, $5 + $6 FROM placements p WHERE p.tenant_id = $1 AND p.node_id = $2
        ON CONFLICT (tenant_id, source) DO UPDATE SET summary = EXCLUDED.summary, observed_at = EXCLUDED.observed_at, expires_at = EXCLUDED.expires_at
        """;

    private const string SetNode =
        """
        INSERT INTO node_health_reports (node_id, source, summary, prevents_placement, prevents_state_changes, suppresses_alerts, observed_at, expires_at)
        SELECT n.id, $2, $3, $6, false, false, $4, $4 + $5 FROM nodes n WHERE n.id = $1
        ON CONFLICT (node_id, source) DO UPDATE SET summary = EXCLUDED.summary, prevents_placement = EXCLUDED.prevents_placement, observed_at = EXCLUDED.observed_at, expires_at = EXCLUDED.expires_at
        """;

    /// <summary>What the probes saw of a tenant's cores.</summary>
    public async Task CoresAsync(NodeLink link, Guid tenant, Wire.ObservedPartition partition, DateTimeOffset now, CancellationToken cancel)
    {
        string hung = string.Join("; ", partition.Cores.Where(core => core.Health == Wire.CoreHealth.Hung).Take(8)
            .Select(core => string.Create(CultureInfo.InvariantCulture, $"core {core.ApicId} stands at 0x{core.Rip:x} with interrupts {(core.InterruptsOn ? "on" : "off")}")));
        await ProgressAsync(link, tenant, hung, now, cancel);
    }

    private async Task ProgressAsync(NodeLink link, Guid tenant, string hung, DateTimeOffset now, CancellationToken cancel)
    {
        TenantMemory.Remembered memory = link.Memory.Of(tenant);
        if (memory.Hung == hung) return;
        if (hung.Length > 0) await TenantAsync(link, tenant, CoreProgress, hung, now, null, cancel);
        else await WithdrawAsync("tenant_health_reports", "tenant_id", tenant, CoreProgress, cancel);
        memory.Hung = hung;
    }

    /// <summary>An event of the monitor.</summary>
    public async Task HappenedAsync(NodeLink link, Guid? tenant, Wire.EventKind kind, PartitionEvent happened, CancellationToken cancel)
    {
        string where = string.Create(CultureInfo.InvariantCulture, $"core {happened.ApicId} at 0x{unchecked((ulong)happened.Rip):x}");
        if (tenant is { } id)
        {
            (string? name, string summary) = kind switch
            {
                Wire.EventKind.Panicked => ("panic", $"its kernel reported a panic ({where})"),
                Wire.EventKind.Failed => ("triple-fault", $"a triple fault shut it down ({where})"),
                Wire.EventKind.Violation => ("violation", string.Create(CultureInfo.InvariantCulture, $"it reached for what is not its own: {happened.Cause}, 0x{unchecked((ulong)happened.Detail):x} ({where})")),
                Wire.EventKind.Stopped when happened.Cause is not "Requested" => ("end", $"it ended by {happened.Cause}"),
                _ => (null, ""),
            };
            if (kind == Wire.EventKind.Hung) await ProgressAsync(link, id, $"{where} makes no progress", happened.At, cancel);
            else if (kind == Wire.EventKind.Started) await ProgressAsync(link, id, "", happened.At, cancel);
            if (name is not null) await TenantAsync(link, id, name, summary, happened.At, Remembered, cancel);
            return;
        }
        switch (kind)
        {
            case Wire.EventKind.ManagementRestarted:
                await NodeAsync(link.Node, "management-restart", $"its management Linux ended by {happened.Cause} and was started again", happened.At, Remembered, prevents: false, cancel);
                break;
            case Wire.EventKind.DeviceRefused:
                await NodeAsync(link.Node, "device-refused", "its IOMMU refused an access of a device of the management partition's, or of nobody's", happened.At, Remembered, prevents: false, cancel);
                break;
            case Wire.EventKind.Lost:
                await NodeAsync(link.Node, "events-lost", string.Create(CultureInfo.InvariantCulture, $"the monitor recorded more than its agent could read: events up to {happened.Number} are missing"), happened.At, Remembered, prevents: false, cancel);
                break;
        }
    }

    /// <summary>What a tenant prints.</summary>
    public async Task ConsoleAsync(NodeLink link, Guid tenant, ReadOnlyMemory<byte> data, DateTimeOffset at, CancellationToken cancel)
    {
        TenantMemory.Remembered memory = link.Memory.Of(tenant);
        string text = memory.ConsoleTail + Encoding.Latin1.GetString(data.Span);
        memory.ConsoleTail = text.Length > PanicText.Length - 1 ? text[^(PanicText.Length - 1)..] : text;
        int found = text.IndexOf(PanicText, StringComparison.Ordinal);
        if (found < 0) return;
        string line = text[found..].Split('\n', 2)[0];
        await TenantAsync(link, tenant, "console", $"it printed: {Reports.Cut(string.Concat(line.Where(letter => !char.IsControl(letter))), 200)}", at, Remembered, cancel);
    }

    /// <summary>How many exits a tenant makes.</summary>
    public async Task ExitsAsync(NodeLink link, Guid tenant, double perSecond, Wire.ObservedPartition partition, DateTimeOffset now, CancellationToken cancel)
    {
        TenantMemory.Remembered memory = link.Memory.Of(tenant);
        bool storm = perSecond > ExitStorm * Math.Max(1, partition.ApicIds.Count);
        if (storm == memory.ExitStorm) return;
        Wire.ExitCount most = partition.Exits.MaxBy(exit => exit.Count)!;
        if (storm) await TenantAsync(link, tenant, "exits", string.Create(CultureInfo.InvariantCulture, $"{perSecond:F0} exits a second on {partition.ApicIds.Count} cores, most of them {most.Reason}"), now, null, cancel);
        else await WithdrawAsync("tenant_health_reports", "tenant_id", tenant, "exits", cancel);
        memory.ExitStorm = storm;
    }

    /// <summary>How much memory the management Linux has left.</summary>
    public async Task MemoryAsync(NodeLink link, ulong free, CancellationToken cancel)
    {
        bool few = link.ShortOfMemory ? free < EnoughMemory : free < ShortOfMemory;
        // An agent that does not say has nothing to say.
        if (free == 0 || few == link.ShortOfMemory) return;
        if (few) await NodeAsync(link.Node, "agent-memory", string.Create(CultureInfo.InvariantCulture, $"its management Linux has {free >> 20} MiB of memory left"), null, null, prevents: false, cancel);
        else await WithdrawAsync("node_health_reports", "node_id", link.Node, "agent-memory", cancel);
        link.ShortOfMemory = few;
    }

    /// <param name="at">When it was seen; null: now.</param>
    /// <param name="within">After which it expires; null: until it is withdrawn.</param>
    /// <param name="prevents">Nothing more is placed on the node.</param>
    public async Task NodeAsync(Guid node, string watched, string summary, DateTimeOffset? at, TimeSpan? within, bool prevents, CancellationToken cancel)
    {
        await using NpgsqlCommand command = source.CreateCommand(at is null ? SetNode.Replace("$4", "coalesce($4, clock_timestamp())", StringComparison.Ordinal) : SetNode);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = node });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = watched });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = summary });
        command.Parameters.Add(Nullable(at?.UtcDateTime, NpgsqlTypes.NpgsqlDbType.TimestampTz));
        command.Parameters.Add(Nullable(within, NpgsqlTypes.NpgsqlDbType.Interval));
        command.Parameters.Add(new NpgsqlParameter<bool> { TypedValue = prevents });
        await command.ExecuteNonQueryAsync(cancel);
    }

    public Task WithdrawNodeAsync(Guid node, string watched, CancellationToken cancel) => WithdrawAsync("node_health_reports", "node_id", node, watched, cancel);

    private async Task TenantAsync(NodeLink link, Guid tenant, string watched, string summary, DateTimeOffset at, TimeSpan? within, CancellationToken cancel)
    {
        await using NpgsqlCommand command = source.CreateCommand(SetTenant);
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = tenant });
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = link.Node });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = watched });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = summary });
        command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = at.UtcDateTime });
        command.Parameters.Add(Nullable(within, NpgsqlTypes.NpgsqlDbType.Interval));
        await command.ExecuteNonQueryAsync(cancel);
    }

    private async Task WithdrawAsync(string table, string key, Guid id, string watched, CancellationToken cancel)
    {
        await using NpgsqlCommand command = source.CreateCommand($"DELETE FROM {table} WHERE {key} = $1 AND source = $2");
        command.Parameters.Add(new NpgsqlParameter<Guid> { TypedValue = id });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = watched });
        await command.ExecuteNonQueryAsync(cancel);
    }

    private static NpgsqlParameter Nullable<T>(T? value, NpgsqlTypes.NpgsqlDbType type)
        where T : struct => new() { Value = value is { } there ? there : DBNull.Value, NpgsqlDbType = type };
}
