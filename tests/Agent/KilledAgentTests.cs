using Osv.Contracts.ControlDevice;
using Osv.Contracts.Node;

namespace Osv.Agent.Tests;

/// <summary>The agent dies right before or right after any operation, or any write of a note; the next one goes on.</summary>
public sealed class KilledAgentTests
{
    private sealed class Killed : Exception;

    /// <summary>From nothing to two tenants, a reboot, an end by itself, and back to nothing.</summary>
    private static readonly Action<Bench>[] s_story =
    [
        bench => bench.Want(Restarting(bench, "a", 2, 1), Restarting(bench, "b", 3, 1)),
        bench => bench.Want(Restarting(bench, "a", 2, 2), Restarting(bench, "b", 3, 1)),
        bench => bench.Want(Restarting(bench, "a", 4, 2), Restarting(bench, "b", 3, 1)),
        bench => bench.Want(Restarting(bench, "b", 3, 1)),
        bench => bench.Want(),
    ];

    private static DesiredPartition Restarting(Bench bench, string id, uint core, ulong generation)
    {
        DesiredPartition wanted = bench.Tenant(id, core);
        wanted.StartGeneration = generation;
        wanted.Restart = RestartPolicy.Always;
        return wanted;
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Killed_at_any_operation_no_tenant_is_disturbed_and_no_partition_leaks(bool before)
    {
        int operations = Operations();
        operations.ShouldBeGreaterThan(10);
        for (int victim = 1; victim <= operations; victim++)
        {
            using var bench = new Bench();
            int count = 0;
            Action<ControlOperation> kill = _ =>
            {
                if (++count == victim) throw new Killed();
            };
            if (before) bench.Monitor.Before = kill;
            else bench.Monitor.After = kill;
            foreach (Action<Bench> chapter in s_story)
            {
                chapter(bench);
                int starts = StartsOfB(bench);
                try
                {
                    bench.Settle();
                }
                catch (Killed)
                {
                    bench.Restart();
                    chapter(bench);
                    bench.Settle();
                }
                Check(bench, victim);
                // b is not touched while things happen to a.
                if (starts != 0 && chapter != s_story[^1]) StartsOfB(bench).ShouldBe(starts, $"victim {victim}");
            }
            bench.Monitor.Existing.ShouldBe(0, $"victim {victim}");
            bench.Notes.Partitions().ShouldBeEmpty($"victim {victim}");
        }
    }

    private static int Operations()
    {
        using var bench = new Bench();
        foreach (Action<Bench> chapter in s_story)
        {
            chapter(bench);
            bench.Settle();
        }
        return bench.Monitor.Operations.Count;
    }

    private static int StartsOfB(Bench bench) => (int)(bench.Notes.Partitions().FirstOrDefault(note => note.TenantId == "b")?.Starts ?? 0);

    private static void Check(Bench bench, int victim)
    {
        foreach (ObservedPartition seen in bench.Reconciler.Observe().Partitions) seen.Phase.ShouldBe(PartitionPhase.Running, $"victim {victim}: {seen}");
        bench.Notes.Partitions().Count.ShouldBe(bench.Monitor.Existing, $"victim {victim}");
    }

    [Fact]
    public void An_agent_that_finds_its_partition_ended_while_there_was_none_restarts_it_by_policy()
    {
        using var bench = new Bench();
        bench.Want(Restarting(bench, "a", 2, 1));
        bench.Settle();
        bench.Monitor.End((int)bench.Seen("a").Partition, StopCause.TripleFault);
        bench.Restart();
        bench.Want(Restarting(bench, "a", 2, 1));
        bench.Settle();
        bench.Seen("a").Phase.ShouldBe(PartitionPhase.Running);
        bench.Seen("a").Restarts.ShouldBe(1u);
    }
}
