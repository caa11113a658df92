using System.Diagnostics;
using System.Globalization;

namespace Osv.Bench.Load;

/// <summary>Loads on a disk and a network card. Whoever asks for something waits for it on one processor, one operation at a time.</summary>
internal static class DeviceLoads
{
    private const int Processor = 1, FewestInterrupts = 100;
    /// <summary>Parts of the names that interrupts have in /proc/interrupts.</summary>
    private const string DiskInterrupts = "nvme", CardInterrupts = "virtio";

    /// <param name="peer">The peer's port.</param>
    public static void Run(int peer) => Loads.On(Processor, () =>
    {
        Disk();
        Network(peer);
    }).Join();

    private static void Disk()
    {
        using var disk = new RawDisk("/dev/nvme0n1");
        Repeat(Phase.DiskStream, LoadSize.DiskPieces, DiskInterrupts, i => disk.Read((long)i * RawDisk.MostBytes, RawDisk.MostBytes));
        // The same places in every run.
        var random = new Random(1);
        const long Places = ((long)LoadSize.DiskMebibytes << 20) / RawDisk.LeastBytes;
        long[] places = [.. Enumerable.Range(0, LoadSize.DiskReads).Select(_ => random.NextInt64(Places) * RawDisk.LeastBytes)];
        Repeat(Phase.DiskRead, places.Length, DiskInterrupts, i => disk.Read(places[i], RawDisk.LeastBytes));
    }

    private static void Network(int port)
    {
        using var peer = new PeerConnection(port);
        Repeat(Phase.NetStream, LoadSize.NetPieces, CardInterrupts, _ => peer.Ask(Peer.Stream, Peer.PieceBytes));
        Repeat(Phase.NetRoundTrip, LoadSize.NetRoundTrips, CardInterrupts, _ => peer.Ask(Peer.Echo, 1));
    }

    /// <summary>
    /// Times each operation by itself: what else a busy host does falls on some of them, what a partition costs on all. Said are
    /// the median, the 99th percentile, and how many interrupts the device had.
    /// </summary>
    private static void Repeat(Phase phase, int times, string device, Action<int> operation)
    {
        var ticks = new long[times];
        operation(0);
        long before = Interrupts.Of(device);
        Loads.Measure(phase, () =>
        {
            for (int i = 0; i < times; i++)
            {
                long start = Stopwatch.GetTimestamp();
                operation(i);
                ticks[i] = Stopwatch.GetTimestamp() - start;
            }
        });
        long interrupts = Interrupts.Of(device) - before;
        // Polled, or the wrong lines were counted: exits per interrupt would mean nothing.
        if (interrupts < FewestInterrupts) throw new InvalidOperationException($"{phase}: {interrupts} interrupts of {device} in {times} operations");
        Array.Sort(ticks);
        Say(phase, "median.us", Microseconds(ticks[times / 2]));
        Say(phase, "p99.us", Microseconds(ticks[times * 99 / 100]));
        Say(phase, "interrupts", interrupts);
    }

    private static double Microseconds(long ticks) => ticks * 1e6 / Stopwatch.Frequency;

    private static void Say(Phase phase, string what, double value) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"FIGURE {phase}.{what} {value:F3}"));
}
