using System.Globalization;
using Osv.Cli.Api;
using Osv.Cli.CommandLine;

namespace Osv.Cli.Tenants;

/// <summary>How tenants look.</summary>
internal static class TenantTables
{
    public static IReadOnlyList<Column<TenantView>> List { get; } =
    [
        new("NAME", tenant => tenant.Name),
        new("PROJECT", tenant => tenant.Project),
        new("STATE", tenant => tenant.Stalled ? $"{tenant.State} (stalled)" : tenant.State),
        new("NODE", tenant => tenant.Node),
        new("CORES", tenant => Number(tenant.CoreCount)) { IsRight = true },
        new("MEMORY", tenant => Sizes.Format(tenant.MemoryBytes)) { IsRight = true },
        new("RESTARTS", tenant => Number(tenant.Restarts)) { IsRight = true },
        new("SINCE", tenant => Ages.Since(tenant.LastTransition)) { IsRight = true },
        new("IMAGE", tenant => tenant.Image) { IsWide = true },
        new("APIC IDS", tenant => string.Join(',', tenant.Cores)) { IsWide = true },
        new("ID", tenant => tenant.Id.ToString()) { IsWide = true },
        new("REASON", tenant => tenant.Reason) { IsText = true },
    ];

    public static IReadOnlyList<Column<TransitionView>> Transitions { get; } =
    [
        new("AT", transition => Ages.Stamp(transition.At)),
        new("STATE", transition => transition.To),
        new("BY", transition => transition.Owner),
        new("REASON", transition => transition.Reason) { IsText = true },
    ];

    public static string Fields(TenantView tenant) => Table.Fields(
    [
        ("name", tenant.Name),
        ("id", tenant.Id.ToString()),
        ("project", tenant.Project),
        ("state", $"{tenant.State}{(tenant.Stalled ? " (stalled)" : "")}, wanted: {tenant.Intent}"),
        ("since", $"{Ages.Stamp(tenant.LastTransition)} ({Ages.Since(tenant.LastTransition)} ago)"),
        ("reason", tenant.Reason),
        ("next by", tenant.Deadline is null ? null : $"{tenant.Owner}, before {Ages.Stamp(tenant.Deadline)}"),
        ("node", tenant.Node),
        ("cores", $"{Number(tenant.CoreCount)}{(tenant.Cores.Count > 0 ? $" (APIC ids {string.Join(", ", tenant.Cores)})" : "")}"),
        ("memory", Sizes.Format(tenant.MemoryBytes)),
        ("devices", $"{tenant.Nics} NICs, {tenant.Disks} disks{(tenant.Devices.Count > 0 ? $" ({string.Join(", ", tenant.Devices)})" : "")}"),
        ("image", tenant.Image),
        ("restart", $"{tenant.Restart}, {tenant.Restarts} so far"),
        ("priority", Number(tenant.Priority)),
        ("without lease", tenant.RunsOnWithoutLease ? "runs on when its node is cut off" : "stops when its node is cut off"),
        ("labels", string.Join(", ", tenant.Labels.Select(label => $"{label.Key}={label.Value}"))),
        ("created", Ages.Stamp(tenant.CreatedAt)),
    ]);

    public static string Exits(ExitCounts counts) => counts.At is null
        ? $"no exits of {Terminal.Plain(counts.Tenant)} were read yet{Environment.NewLine}"
        : Table.Fields([("read", Ages.Stamp(counts.At)), ("since", Ages.Stamp(counts.Since)), ("total", counts.Total.ToString("N0", CultureInfo.InvariantCulture))]) + Environment.NewLine
        + Table.Render([.. counts.Exits.OrderByDescending(exit => exit.Value)],
            [
                new("REASON", exit => exit.Key),
                new("EXITS", exit => exit.Value.ToString("N0", CultureInfo.InvariantCulture)) { IsRight = true },
                new("PER SECOND", exit => counts.PerSecond.TryGetValue(exit.Key, out double rate) ? rate.ToString("N1", CultureInfo.InvariantCulture) : "-") { IsRight = true },
                new Column<KeyValuePair<string, long>>("SHARE", exit => (counts.Total == 0 ? 0 : (double)exit.Value / counts.Total).ToString("P1", CultureInfo.InvariantCulture)) { IsRight = true },
            ], Terminal.OutputWidth, wide: false);

    /// <summary>What a change led to, in a line.</summary>
    public static string Line(TenantView tenant) => $"tenant {tenant.Name}: {tenant.State}, wanted: {tenant.Intent}{(tenant.Reason.Length > 0 ? $" ({Terminal.Plain(tenant.Reason)})" : "")}{Environment.NewLine}";

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}
