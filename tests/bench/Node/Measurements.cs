using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Osv.Cli.Bench;
using Osv.Contracts.Node;

namespace Osv.Bench.Node;

/// <summary>What is measured on a node that is up.</summary>
internal static partial class Measurements
{
    private const long Mebibyte = 1 << 20;

    /// <summary>Create request to user space of the busybox image, less the time that its kernel says it took.</summary>
    public static async Task<(double Over, double Kernel)> StartAsync(BenchNode node, BenchFiles files, string id)
    {
        var clock = Stopwatch.StartNew();
        node.Node.Want(BenchNode.Tenant(id, files.BusyboxImage(node.Plane), 256 * Mebibyte, 2, 3));
        await node.UntilAsync(() => UpLine().IsMatch(node.Node.Console(id)), $"{id} to come up").ConfigureAwait(false);
        double all = clock.Elapsed.TotalSeconds, kernel = double.Parse(UpLine().Match(node.Node.Console(id)).Groups[1].Value, CultureInfo.InvariantCulture);
        return (all - kernel, kernel);
    }

    /// <summary>End of a tenant to its next start, by the monitor's clock, and to the arrival of its first line.</summary>
    public static async Task<(double Detected, double Line)> RestartAsync(BenchNode node, string id)
    {
        ObservedPartition before = node.Node.Partition(id)!;
        int known = node.Node.Events.Count, said = node.Node.Console(id).Length;
        var clock = Stopwatch.StartNew();
        node.Node.Type(id, "echo b > /proc/sysrq-trigger\n");
        await node.UntilAsync(() => node.Node.Partition(id) is { } now && now.Restarts > before.Restarts && UpLine().IsMatch(node.Node.Console(id)[said..]), $"{id} to come up again").ConfigureAwait(false);
        double line = clock.Elapsed.TotalSeconds;
        PartitionEvent stopped = node.Node.Events.Skip(known).First(one => one.Kind == EventKind.Stopped && one.TenantId == id);
        PartitionEvent started = node.Node.Events.Skip(known).First(one => one.Kind == EventKind.Started && one.TenantId == id && one.Number > stopped.Number);
        return ((started.TimeUnixMs - stopped.TimeUnixMs) / 1000.0, line);
    }

    /// <summary>Rate at which the agent fetches a large image, against wget on the same node.</summary>
    public static async Task<Figure> TransferAsync(BenchNode node, BenchFiles files, CancellationToken cancel)
    {
        Artifact initrd = node.Plane.AddImage(files.Debian);
        var wget = Stopwatch.StartNew();
        await node.ManagementAsync($"wget -q -O /dev/null {initrd.Url}", cancel).ConfigureAwait(false);
        double plain = wget.Elapsed.TotalSeconds;
        var clock = Stopwatch.StartNew();
        node.Node.Want(BenchNode.Tenant("large", new Image { Name = "large", Kernel = node.Plane.AddImage(files.Kernel), Initrd = initrd, CommandLine = "console=ttyS0 quiet" }, 512 * Mebibyte, 4));
        await node.UntilAsync(() => node.Node.Partition("large") is { Phase: not (PartitionPhase.Fetching or PartitionPhase.Unspecified) }, "the large image to be there").ConfigureAwait(false);
        double ours = clock.Elapsed.TotalSeconds;
        node.Node.Want();
        await node.UntilAsync(() => node.Node.Observed.Partitions.Count == 0, "the node to be empty").ConfigureAwait(false);
        return new Figure("image transfer: agent's time / wget's", ours / plain, "", 1.25, string.Create(CultureInfo.InvariantCulture, $"{files.Debian.Length / Mebibyte} MiB in {ours:0.00} s, checked and stored; wget {plain:0.00} s, thrown away"));
    }

    /// <summary>Processor time of the agent in a minute in which nothing happens.</summary>
    public static async Task<Figure> IdleAsync(BenchNode node, CancellationToken cancel)
    {
        const int Seconds = 60, TicksPerSecond = 100;
        const string Read = "echo TICKS $(cut -d ' ' -f 14,15 /proc/$(pidof osv-agent)/stat)";
        int before = Ticks(await node.ManagementAsync(Read, cancel).ConfigureAwait(false));
        await Task.Delay(TimeSpan.FromSeconds(Seconds), cancel).ConfigureAwait(false);
        int after = Ticks(await node.ManagementAsync(Read, cancel).ConfigureAwait(false));
        return new Figure("agent, idle", 100.0 * (after - before) / TicksPerSecond / Seconds, "% of its core", 1, $"{after - before} ticks of 10 ms in {Seconds} s, heartbeat each second, one tenant");
    }

    /// <summary>Many consoles at once; every byte is looked for.</summary>
    public static async Task<IReadOnlyList<Figure>> ConsolesAsync(BenchFiles files, int partitions, CancellationToken cancel)
    {
        const int Lines = 100, LineBytes = 1000;
        await using BenchNode node = await BenchNode.BootAsync(files, partitions + 1, (partitions + 16L) * 96 * Mebibyte, cancel).ConfigureAwait(false);
        Image image = files.BusyboxImage(node.Plane);
        string[] ids = [.. Enumerable.Range(1, partitions).Select(number => $"c{number}")];
        node.Node.Want([.. ids.Select((id, i) => BenchNode.Tenant(id, image, 96 * Mebibyte, (uint)i + 1))]);
        await node.UntilAsync(() => ids.All(id => UpLine().IsMatch(node.Node.Console(id))), $"{partitions} tenants to come up").ConfigureAwait(false);
        string filling = new('x', LineBytes - 10);
        foreach (string id in ids) node.Node.Type(id, $"f={filling}; for i in $(seq 100 199); do echo L$i-$f; sleep 0.1; done; echo D''ONE\n");
        var clock = Stopwatch.StartNew();
        await node.UntilAsync(() => ids.All(id => node.Node.Console(id).Contains("\nDONE", StringComparison.Ordinal)), "all lines").ConfigureAwait(false);
        double seconds = clock.Elapsed.TotalSeconds;
        int missing = ids.Sum(id => Enumerable.Range(100, Lines).Count(i => !node.Node.Console(id).Contains($"L{i}-{filling}", StringComparison.Ordinal)));
        double rate = (double)partitions * Lines * LineBytes / seconds / partitions / 1000;
        return
        [
            new Figure($"consoles of {partitions} partitions: lines that are not there whole", missing, "", 0, $"{partitions * Lines} lines of {LineBytes} bytes; {ids.Sum(id => (long)node.Node.ConsoleLost(id))} bytes reported lost"),
            new Figure($"consoles of {partitions} partitions: rate of each", rate, "kB/s", null, string.Create(CultureInfo.InvariantCulture, $"asked for 10; {seconds:0.0} s for {Lines} lines each")),
        ];
    }

    private static int Ticks(string said)
    {
        Match match = TicksLine().Match(said);
        return match.Success ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) + int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture)
            : throw new InvalidOperationException($"the management console gave no tick counts: {said}");
    }

    [GeneratedRegex("osv-busybox: .* is up on .*, after ([0-9.]+) s")]
    private static partial Regex UpLine();

    [GeneratedRegex(@"TICKS (\d+) (\d+)")]
    private static partial Regex TicksLine();
}
