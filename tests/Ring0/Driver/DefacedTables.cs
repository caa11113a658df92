using System.Runtime.CompilerServices;
using Osv.Contracts.ControlDevice;

namespace Osv.Ring0.Driver;

/// <summary>
/// Partition 0 writes over all that the monitor shows it: header, tables, counters, events. None of it is the monitor's own: it goes on, and shows
/// the truth again when it is asked to.
/// </summary>
internal static class DefacedTables
{
    private const int RandomRounds = 24, RacingRounds = 2_000;

    /// <param name="neighbour">A partition that runs on one core.</param>
    public static void Run(Workbench bench, Random random, MemoryExtent arena, uint[] free, uint neighbour)
    {
        string truth = ControlScenarios.Snapshot(bench);
        foreach (byte fill in new byte[] { 0xFF, 0x7F, 0x80, 0 })
        {
            Shown(bench).Fill(fill);
            Work(bench, arena, free, neighbour, truth);
        }
        for (int i = 0; i < RandomRounds; i++)
        {
            random.NextBytes(Shown(bench));
            Work(bench, arena, free, neighbour, truth);
        }
        Workbench.Pass($"the monitor works on with {4 + RandomRounds} kinds of nonsense in what it shows");
        Race(bench, neighbour);
        Workbench.Check(ControlScenarios.Snapshot(bench) == truth, "the tables show the truth again after the race");
        Workbench.Pass("nonsense that comes while the monitor writes is overcome");
    }

    /// <summary>All between the request and the notes.</summary>
    private static unsafe Span<byte> Shown(Workbench bench) => new(Unsafe.AsPointer(ref bench.Device.Header), (int)(ControlLayout.NotesOffset - ControlLayout.HeaderOffset));

    private static void Work(Workbench bench, MemoryExtent arena, uint[] free, uint neighbour, string truth)
    {
        Workbench.Check(ControlScenarios.Snapshot(bench) == truth, "the tables show the truth again");
        int core = bench.Device.Cores.ToArray().ToList().FindIndex(entry => entry.Partition == neighbour);
        uint probes = bench.Device.Cores[core].ProbeCount;
        bench.Execute(ControlOperation.Probe, neighbour);
        // The core adds up its counters, which are nonsense still.
        Workbench.WaitUntil(() => bench.Device.Cores[core].ProbeCount != probes, 30, "the neighbour's core to answer a probe");
        bench.Create(2, free[1..], arena);
        bench.Execute(ControlOperation.Destroy, 2);
    }

    /// <summary>A second thread writes nonsense all the time; what is shown cannot be read meanwhile.</summary>
    private static void Race(Workbench bench, uint neighbour)
    {
        using var end = new CancellationTokenSource();
        var writer = new Thread(() =>
        {
            byte fill = 0;
            while (!end.IsCancellationRequested) Shown(bench).Fill(fill += 0x3F);
        });
        writer.Start();
        for (int i = 0; i < RacingRounds; i++)
        {
            ControlStatus status = bench.TryExecute(i % 3 == 0 ? ControlOperation.Topology : ControlOperation.Probe, neighbour);
            if (status != ControlStatus.Ok) throw new InvalidOperationException($"an operation among nonsense gets {status}");
        }
        end.Cancel();
        writer.Join();
    }
}
