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

    /// <summary>
    /// Create request to user space of the busybox image, less the kernel's own time: from its first instruction, the monitor's event, to the first line
    /// of its init, both as the control plane hears of them. The node is empty before.
    /// </summary>
    public static async Task<(double Over, double Kernel)> StartAsync(BenchNode node, BenchFiles files, string id)
    {
        DesiredPartition wanted = BenchNode.Tenant(id, files.BusyboxImage(node.Plane), 256 * Mebibyte, 2, 3);
        var clock = Stopwatch.StartNew();
        node.Node.Want(wanted);
        await node.UntilAsync(() => node.Node.Events.Any(one => one.TenantId == id && one.Kind == EventKind.Started), $"{id} to start").ConfigureAwait(false);
        double over = clock.Elapsed.TotalSeconds;
        await node.UntilAsync(() => UpLine().IsMatch(node.Node.Console(id)), $"{id} to come up").ConfigureAwait(false);
        return (over, clock.Elapsed.TotalSeconds - over);
    }

    /// <summary>End of a tenant to its next start, by the monitor's clock, and to the arrival of its first line. It is the first end of this tenant: later ones wait (ADR 9).</summary>
    public static async Task<(double Detected, double Line)> RestartAsync(BenchNode node, string id)
    {
        ObservedPartition before = node.Node.Partition(id)!;
        int known = node.Node.Events.Count, said = node.Node.Console(id).Length;
        var clock = Stopwatch.StartNew();
        node.Node.Type(id, "echo b > /proc/sysrq-trigger\n");
        await node.UntilAsync(() => node.Node.Partition(id) is { } now && now.Restarts > before.Restarts && UpLine().IsMatch(node.Node.Console(id)[said..]), $"{id} to come up again").ConfigureAwait(false);
        double line = clock.Elapsed.TotalSeconds;
        List<PartitionEvent> events = [.. node.Node.Events.Skip(known).Where(one => one.TenantId == id)];
        PartitionEvent ended = events.First(one => one.Kind == EventKind.Stopped), started = events.First(one => one.Kind == EventKind.Started);
        return ((started.TimeUnixMs - ended.TimeUnixMs) / 1000.0, line);
    }

    /// <summary>Ends all tenants.</summary>
    /// <param name="keep">An image that stays in the agent's cache; null: none does.</param>
    public static async Task EmptyAsync(BenchNode node, Image? keep = null)
    {
        if (keep is null)
        {
            node.Node.Want();
        }
        else
        {
            DesiredPartition rests = BenchNode.Tenant("rests", keep, 256 * Mebibyte, 2);
            rests.Power = PowerState.Stopped;
            node.Node.Want(rests);
        }
        await node.UntilAsync(() => node.Node.Observed.DesiredRevision == node.Node.Desired.Revision && node.Node.Observed.Partitions.All(seen => seen.Partition == 0), "the node to be empty").ConfigureAwait(false);
    }

    /// <summary>Time that the agent takes to fetch an image onto an empty node, against wget on the same node. The agent then checks its hash, which is told apart.</summary>
    public static async Task<Figure> TransferAsync(BenchNode node, BenchFiles files, CancellationToken cancel)
    {
        const int Rounds = 3;
        var wget = new List<double>();
        var ours = new List<double>();
        var whole = new List<double>();
        for (int round = 0; round < Rounds; round++)
        {
            // Never the same: the agent keeps what it has fetched as long as there is room. The kernel is there since the starts before.
            Artifact initrd = node.Plane.AddImage([.. files.Debian, 0, 0, 0, (byte)round]);
            var image = new Image { Name = "large", Kernel = node.Plane.AddImage(files.Kernel), Initrd = initrd, CommandLine = "console=ttyS0 quiet" };
            var clock = Stopwatch.StartNew();
            await node.ManagementAsync($"wget -q -O /run/osv/wget {initrd.Url}", cancel).ConfigureAwait(false);
            wget.Add(clock.Elapsed.TotalSeconds);
            await node.ManagementAsync("rm /run/osv/wget", cancel).ConfigureAwait(false);
            clock.Restart();
            node.Node.Want(BenchNode.Tenant("large", image, 512 * Mebibyte, 4));
            await node.UntilAsync(() => node.Node.Partition("large") is { Phase: PartitionPhase.Creating or PartitionPhase.Loading or PartitionPhase.Running }, "the large image to be there").ConfigureAwait(false);
            whole.Add(clock.Elapsed.TotalSeconds);
            string hash = Convert.ToHexStringLower(initrd.Sha256.Span);
            await node.UntilAsync(() => node.Node.Log.Any(IsHere), "the agent's log of it").ConfigureAwait(false);
            ours.Add(double.Parse(FetchedIn().Match(node.Node.Log.First(IsHere).Message).Groups[1].Value, CultureInfo.InvariantCulture));

            bool IsHere(LogLine line) => line.Message.Contains($"{hash}: fetched in", StringComparison.Ordinal);
            await EmptyAsync(node).ConfigureAwait(false);
        }
        double bytes = files.Debian.Length;
        return new Figure(
            "image transfer: agent's time / wget's", Median(ours) / Median(wget), "", 1.25,
            string.Create(CultureInfo.InvariantCulture, $"medians of {Rounds}: {bytes / Mebibyte:0} MiB in {Median(ours):0.00} s; wget to the same file system {Median(wget):0.00} s; request to its hash checked {Median(whole):0.00} s"));
    }

    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }

    /// <summary>Processor time of the agent in a minute in which nothing happens.</summary>
    public static async Task<Figure> IdleAsync(BenchNode node, CancellationToken cancel)
    {
        const int Seconds = 60;
        double before = await AgentSecondsAsync(node, cancel).ConfigureAwait(false);
        await Task.Delay(TimeSpan.FromSeconds(Seconds), cancel).ConfigureAwait(false);
        double used = await AgentSecondsAsync(node, cancel).ConfigureAwait(false) - before;
        return new Figure("agent, idle", 100 * used / Seconds, "% of its core", 1, string.Create(CultureInfo.InvariantCulture, $"{used:0.00} s of {Seconds}, a heartbeat each 5 s, one tenant"));
    }

    /// <summary>Processor time that the agent has taken so far, seconds; Linux counts it in hundredths.</summary>
    public static async Task<double> AgentSecondsAsync(BenchNode node, CancellationToken cancel) =>
        Ticks(await node.ManagementAsync("echo TICKS $(cut -d ' ' -f 14,15 /proc/$(pidof osv-agent)/stat)", cancel).ConfigureAwait(false)) / 100.0;

    private static int Ticks(string said)
    {
        Match match = TicksLine().Match(said);
        return match.Success ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) + int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture)
            : throw new InvalidOperationException($"the management console gave no tick counts: {said}");
    }

    [GeneratedRegex("osv-busybox: .* is up on .*, after ([0-9.]+) s")]
    private static partial Regex UpLine();

    [GeneratedRegex("fetched in ([0-9.]+) s")]
    private static partial Regex FetchedIn();

    [GeneratedRegex(@"TICKS (\d+) (\d+)")]
    private static partial Regex TicksLine();
}
