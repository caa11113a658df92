using System.Globalization;
using Osv.Cli.Api;
using Osv.Cli.Capacity;
using Osv.Cli.CommandLine;
using Osv.Cli.Tenants;

namespace Osv.Cli.Nodes;

/// <summary>How nodes look.</summary>
internal static class NodeTables
{
    public static IReadOnlyList<Column<NodeView>> List { get; } =
    [
        new("NAME", node => node.Name),
        new("STATE", node => $"{node.State}{(node.Stalled ? " (stalled)" : "")}{(node.PreventsPlacement && node.State == NodeState.Ready ? " (unfit)" : "")}"),
        new("RACK", node => node.Rack),
        new("CORES", node => $"{node.FreeCores}/{node.Cores}") { IsRight = true },
        new("MEMORY", node => $"{Sizes.Format(node.FreeMemoryBytes)}/{Sizes.Format(node.MemoryBytes)}") { IsRight = true },
        new("TENANTS", node => Number(node.Tenants)) { IsRight = true },
        new("HEARD", node => Ages.Since(node.LastHeartbeat)) { IsRight = true },
        new("POWER", node => node.PowerDomain) { IsWide = true },
        new("SERIAL", node => node.SerialNumber) { IsWide = true },
        new("MAC", node => node.BootMac) { IsWide = true },
        new("MONITOR", node => node.MonitorVersion) { IsWide = true },
        new("AGENT", node => node.AgentVersion) { IsWide = true },
        new("ID", node => node.Id.ToString()) { IsWide = true },
        new("REASON", node => node.BootStep is null || node.State is NodeState.Ready or NodeState.Draining or NodeState.Drained ? node.Reason : $"boots, {node.BootStep}: {node.Reason}") { IsText = true },
    ];

    /// <summary>What a change led to, in a line.</summary>
    public static string Line(NodeView node) => $"node {node.Name}: {node.State}, wanted: {node.Intent ?? "not approved"}{(node.Reason.Length > 0 ? $" ({Terminal.Plain(node.Reason)})" : "")}{Environment.NewLine}";

    public static string Detail(Call call, NodeDetail node, NodeTimeline timeline) => string.Join(Environment.NewLine, new[]
    {
        Fields(node),
        Section("NUMA cells", call, node.Cells,
            new("CELL", cell => Number(cell.Number)) { IsRight = true },
            new("CORES FREE", cell => $"{cell.Cores.Count(core => core is { Tenant: null, Reserved: false })}/{cell.Cores.Count}") { IsRight = true },
            new("MEMORY FREE", cell => $"{Sizes.Format(cell.FreeMemoryBytes)}/{Sizes.Format(cell.MemoryBytes)}") { IsRight = true },
            new("CACHE DOMAINS", cell => Number(cell.Cores.Select(core => core.CacheDomain).Distinct().Count())) { IsRight = true },
            new("APIC IDS", cell => string.Join(' ', cell.Cores.Select(core => core.ApicId))) { IsText = true }),
        Section("partitions", call, node.Partitions,
            new("TENANT", partition => partition.Tenant),
            new("PROJECT", partition => partition.Project),
            new("STATE", partition => partition.State),
            new("PARTITION", partition => partition.PartitionNumber is { } number ? $"{number} {partition.PartitionState}" : null),
            new("CORES", partition => Number(partition.Cores)) { IsRight = true },
            new("MEMORY", partition => Sizes.Format(partition.MemoryBytes)) { IsRight = true },
            new("EXITS", partition => partition.Exits.ToString("N0", CultureInfo.InvariantCulture)) { IsRight = true }),
        Section("devices", call, node.Devices,
            new("ADDRESS", device => device.PciAddress),
            new("KIND", device => device.Kind),
            new("CELL", device => device.Cell is { } cell ? Number(cell) : null) { IsRight = true },
            new("OWNER", device => device.Tenant ?? (device.Reserved ? "(reserved)" : null)),
            new("WHAT", device => device.Id) { IsText = true }),
        Section("health", call, node.Health,
            new("SOURCE", report => report.Source),
            new("AT", report => Ages.Stamp(report.ObservedAt)),
            new("EFFECT", report => report.PreventsPlacement ? "takes no tenants" : report.PreventsStateChanges ? "keeps its state" : null),
            new("SUMMARY", report => report.Summary) { IsText = true }),
        Section("last boot", call, timeline.Boots.OrderByDescending(boot => boot.StartedAt).Take(1).SelectMany(boot => boot.Steps).ToList(),
            new("STEP", step => step.Step),
            new("STATE", step => step.Stalled ? $"{step.State} (stalled)" : step.State),
            new("BEGAN", step => Ages.Stamp(step.StartedAt)),
            new("TOOK", step => step.FinishedAt is { } end ? Ages.Format(end - step.StartedAt) : null) { IsRight = true },
            new("DETAIL", step => step.Detail) { IsText = true }),
        Section("history", call, [.. timeline.Transitions.TakeLast(10)], [.. TenantTables.Transitions]),
    }.OfType<string>());

    private static string Fields(NodeDetail node) => Table.Fields(
    [
        ("name", node.Name),
        ("id", node.Id.ToString()),
        ("serial number", node.SerialNumber),
        ("state", $"{node.State}{(node.Stalled ? " (stalled)" : "")}, wanted: {node.Intent ?? "not approved"}"),
        ("since", $"{Ages.Stamp(node.LastTransition)} ({Ages.Since(node.LastTransition)} ago)"),
        ("reason", node.Reason),
        ("next by", node.Deadline is null ? null : $"{node.Owner}, before {Ages.Stamp(node.Deadline)}"),
        ("boot step", node.BootStep),
        ("rack", node.Rack),
        ("power domain", node.PowerDomain),
        ("labels", string.Join(", ", node.Labels.Select(label => $"{label.Key}={label.Value}"))),
        ("cores", $"{node.FreeCores} of {node.Cores} free"),
        ("memory", $"{Sizes.Format(node.FreeMemoryBytes)} of {Sizes.Format(node.MemoryBytes)} free"),
        ("fits in one cell", CapacityCommand.Shapes(node.LargestInOneCell)),
        ("fits on it", CapacityCommand.Shapes(node.LargestOnNode)),
        ("heard", node.LastHeartbeat is null ? "never" : $"{Ages.Since(node.LastHeartbeat)} ago"),
        ("boot MAC", node.BootMac),
        ("monitor", node.MonitorVersion),
        ("agent", node.AgentVersion),
        ("registered", Ages.Stamp(node.RegisteredAt)),
    ]);

    /// <summary>Null where there is nothing to show.</summary>
    private static string? Section<T>(string title, Call call, IReadOnlyList<T> rows, params IReadOnlyList<Column<T>> columns) => rows.Count == 0 ? null : $"{title}{Environment.NewLine}{call.Render(rows, columns)}";

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}
