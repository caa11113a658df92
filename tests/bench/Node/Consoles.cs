using System.Diagnostics;
using System.Globalization;
using Osv.Cli.Bench;
using Osv.Contracts.Node;

namespace Osv.Bench.Node;

/// <summary>
/// As many tenants as the monitor takes, all printing at once, and every byte compared. They are no Linux but talker.asm: so many kernels
/// would spend what two host cores can emulate on their own housekeeping, and it is the way of the bytes that is measured.
/// </summary>
internal static class Consoles
{
    private const long Mebibyte = 1 << 20, TenantBytes = 4 * Mebibyte;
    private const int LineBytes = 100, BytesPerSecond = 10_000, Seconds = 8;
    private const string Filling = "0123456789abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghi";

    /// <param name="tenants">Each with one core.</param>
    public static async Task<IReadOnlyList<Figure>> MeasureAsync(BenchFiles files, int tenants, CancellationToken cancel)
    {
        const int Lines = BytesPerSecond * Seconds / LineBytes;
        await using BenchNode node = await BenchNode.BootAsync(files, tenants + 1, 2048 * Mebibyte, cancel).ConfigureAwait(false);
        await node.FavourManagementAsync(cancel).ConfigureAwait(false);
        ulong counts = node.Node.Inventory!.TscKilohertz * 1000 * LineBytes / BytesPerSecond;
        var image = new Image { Name = "talker", Kernel = node.Plane.AddImage(files.Talker), CommandLine = string.Create(CultureInfo.InvariantCulture, $"{counts} {Lines}") };
        string[] ids = [.. Enumerable.Range(1, tenants).Select(number => $"c{number}")];
        node.Node.Want([.. ids.Select((id, i) => BenchNode.Tenant(id, image, TenantBytes, (uint)i + 1))]);
        await node.UntilAsync(() => ids.All(id => node.Node.ConsoleBytes(id) > 0), $"{tenants} tenants to print").ConfigureAwait(false);
        double agent = await Measurements.AgentSecondsAsync(node, cancel).ConfigureAwait(false);
        long before = ids.Sum(node.Node.ConsoleBytes);
        var clock = Stopwatch.StartNew();
        long all = (long)tenants * Lines * LineBytes;
        await node.UntilAsync(() => ids.Sum(id => node.Node.ConsoleBytes(id) + (long)node.Node.ConsoleLost(id)) >= all, "all lines").ConfigureAwait(false);
        double elapsed = clock.Elapsed.TotalSeconds, rate = (all - before) / elapsed / tenants / 1000;
        agent = await Measurements.AgentSecondsAsync(node, cancel).ConfigureAwait(false) - agent;
        string expected = string.Concat(Enumerable.Range(1, Lines).Select(number => string.Create(CultureInfo.InvariantCulture, $"L{number:000000} {Filling}\n")));
        int wrong = ids.Count(id => node.Node.Console(id) != expected);
        return
        [
            new Figure($"consoles of {tenants} tenants: not whole", wrong, "", 0, $"{Lines} lines of {LineBytes} bytes each, compared byte for byte; {ids.Sum(id => (long)node.Node.ConsoleLost(id))} bytes reported lost, {node.Node.Faults.Count} faults of the stream"),
            new Figure($"agent, while {tenants} print", 100 * agent / elapsed, "% of its core", null, string.Create(CultureInfo.InvariantCulture, $"{agent:0.0} s of {elapsed:0.0}, at the rate below")),
            new Figure($"consoles of {tenants} tenants: rate of each", rate, "kB/s", null, string.Create(CultureInfo.InvariantCulture, $"they print {BytesPerSecond / 1000} or as fast as they can: every byte is an exit that the host emulates; {(all - before) / 1000} kB in {elapsed:0.0} s")),
        ];
    }
}
