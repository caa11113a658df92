using Osv.Contracts.ControlDevice;
using Osv.Model.Explorer;
using Osv.Ring0.Driver;

namespace Osv.Promela;

/// <summary>The control operations of random runs of SPIN, as the ring-0 suite runs them on a real kernel (tests/Ring0/TraceTests.cs).</summary>
public sealed class ControlTraceTests
{
    private const int Operations = 600, OperationsPerRun = 40, Moves = 1_000_000, FirstSeed = 1;

    [Fact]
    public async Task The_trace_that_ring_0_runs_is_one_of_the_model()
    {
        string file = Path.Combine(Spin.Sources, "traces", "spin.txt");
        string[] lines = [.. (await OperationsAsync(Bounds.Large, TestContext.Current.CancellationToken)).Select(words => TraceWords.Line(words))];
        if (Environment.GetEnvironmentVariable("OSV_WRITE_TRACES") == "1") await File.WriteAllLinesAsync(file, lines, TestContext.Current.CancellationToken);
        lines.Length.ShouldBe(Operations);
        (await File.ReadAllLinesAsync(file, TestContext.Current.CancellationToken)).ShouldBe(lines, "run this test with OSV_WRITE_TRACES=1: the model has changed");
    }

    private static async Task<List<ulong[]>> OperationsAsync(Configuration bounds, CancellationToken cancel)
    {
        using var spin = new Spin(bounds);
        List<ulong[]> operations = [];
        for (int seed = FirstSeed; operations.Count < Operations; seed++)
        {
            var walk = new PolicyWalk(bounds);
            int end = Math.Min(operations.Count + OperationsPerRun, Operations);
            foreach ((int[] step, int[] state) in Told.Read(await spin.SimulateAsync(seed, Moves, cancel)))
            {
                World before = walk.World;
                walk.Follow(step, state).ShouldBeNull();
                if (operations.Count == end) break;
                if (step[0] != (int)StepKind.Control) continue;
                var operation = (ControlOperation)step[3];
                ControlRequest request = default;
                ControlRequests.Fill(ref request, operation, (uint)step[4], in before, bounds);
                // These end the node, or the driver that is to go on.
                if (operation == ControlOperation.Stop && request.Partition == 0) continue;
                operations.Add(TraceWords.From(operation, in request));
            }
        }
        return operations;
    }
}
