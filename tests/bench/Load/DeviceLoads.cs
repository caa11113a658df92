using System.Diagnostics;
using System.Globalization;

namespace Osv.Bench.Load;

/// <summary>
/// Loads on a disk and a network card, and one on neither. Whoever asks for something waits for it on one processor, one operation at a time. Each load is cut
/// into turns: the other machine of a pair waits for this one's, so what the host does to one of them it does to the other a moment later.
/// </summary>
internal static class DeviceLoads
{
    private const int Processor = 1, FewestInterrupts = 100;
    /// <summary>Parts of the names that interrupts have in /proc/interrupts.</summary>
    private const string DiskInterrupts = "nvme", CardInterrupts = "virtio";
    /// <summary>What the message that began the turn leaves behind in the kernel is not to be measured.</summary>
    private static readonly TimeSpan s_settling = TimeSpan.FromMilliseconds(20);

    /// <param name="port">The peer's.</param>
    public static void Run(int port) => Loads.On(Processor, () =>
    {
        using var peer = new PeerConnection(port);
        using var disk = new RawDisk("/dev/nvme0n1");
        Repeat(peer, Phase.NoDevice, LoadSize.NoDeviceRoundTrips, null, NeighbourThread());
        Repeat(peer, Phase.DiskStream, LoadSize.DiskPieces, DiskInterrupts, i => disk.Read((long)(i % LoadSize.DiskMebibytes) * RawDisk.MostBytes, RawDisk.MostBytes));
        long[] places = RandomPlaces(LoadSize.Turns * LoadSize.DiskReads);
        Repeat(peer, Phase.DiskRead, LoadSize.DiskReads, DiskInterrupts, i => disk.Read(places[i], RawDisk.LeastBytes));
        Repeat(peer, Phase.NetStream, LoadSize.NetPieces, CardInterrupts, _ => peer.Ask(Peer.Stream, Peer.PieceBytes));
        Repeat(peer, Phase.NetRoundTrip, LoadSize.NetRoundTrips, CardInterrupts, _ => peer.Ask(Peer.Echo, 1));
        // Going down would be in the other's last turn.
        peer.Ask(Peer.Turn, 1);
    }).Join();

    /// <summary>The same in every run.</summary>
    private static long[] RandomPlaces(int count)
    {
        const long Places = ((long)LoadSize.DiskMebibytes << 20) / RawDisk.LeastBytes;
        var random = new Random(1);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextInt64(Places) * RawDisk.LeastBytes)];
    }

    /// <summary>A round trip of a byte with another thread of this processor. That thread ends with the machine.</summary>
    private static Action<int> NeighbourThread()
    {
        (int Read, int Write) there = Linux.Pipe(), back = Linux.Pipe();
        _ = Loads.On(Processor, () =>
        {
            while (true)
            {
                Linux.ReadByte(there.Read);
                Registers.WriteByte(back.Write);
            }
        });
        return _ =>
        {
            Registers.WriteByte(there.Write);
            Linux.ReadByte(back.Read);
        };
    }

    /// <summary>
    /// Times each operation by itself: what else a busy host does falls on some of them, what a partition costs on all. Said are
    /// the median of each turn, and of all turns together the 99th percentile, the time, and how many interrupts the device had.
    /// </summary>
    /// <param name="times">Operations of a turn.</param>
    private static void Repeat(PeerConnection peer, Phase phase, int times, string? device, Action<int> operation)
    {
        var ticks = new long[LoadSize.Turns * times];
        long interrupts = 0;
        operation(0);
        Linux.DrainConsole();
        for (int turn = 0; turn < LoadSize.Turns; turn++)
        {
            peer.Ask(Peer.Turn, 1);
            Thread.Sleep(s_settling);
            long before = device is null ? 0 : Interrupts.Of(device);
            Marks.Enter(phase);
            for (int i = turn * times; i < (turn + 1) * times; i++)
            {
                long start = Stopwatch.GetTimestamp();
                operation(i);
                ticks[i] = Stopwatch.GetTimestamp() - start;
            }
            Marks.Enter(Phase.Between);
            if (device is not null) interrupts += Interrupts.Of(device) - before;
        }
        // Polled, or the wrong lines were counted: exits per interrupt would mean nothing.
        if (device is not null && interrupts < FewestInterrupts) throw new InvalidOperationException($"{phase}: {interrupts} interrupts of {device} in {ticks.Length} operations");
        Say(phase, "total.s", (double)ticks.Sum() / Stopwatch.Frequency);
        for (int turn = 0; turn < LoadSize.Turns; turn++) Say(phase, "median.us", Microseconds(ticks.AsSpan(turn * times, times), 0.5));
        Say(phase, "p99.us", Microseconds(ticks, 0.99));
        Say(phase, "interrupts", interrupts);
    }

    /// <summary>Sorts them.</summary>
    private static double Microseconds(Span<long> ticks, double quantile)
    {
        ticks.Sort();
        return ticks[(int)(ticks.Length * quantile)] * 1e6 / Stopwatch.Frequency;
    }

    private static void Say(Phase phase, string what, double value) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"FIGURE {phase}.{what} {value:F3}"));
}
