using Osv.Bench.Load;
using Osv.Bench.Runs;

namespace Osv.Ring0.Tests;

/// <summary>
/// The same kernel and loads native and in a tenant, with the counting plugin in both. Counts are asserted, times are not:
/// those are for <c>osv bench monitor</c>.
/// </summary>
[Collection(nameof(Alone))]
public sealed class CountTests(CountTests.Runs runs) : IClassFixture<CountTests.Runs>
{
    /// <summary>Both runs, made once.</summary>
    public sealed class Runs : IAsyncLifetime
    {
        internal MeasuredRun Native { get; private set; } = null!;
        internal MeasuredRun Ours { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            await BenchImages.BuildAsync(TestContext.Current.CancellationToken);
            Native = await MeasuredRun.NativeAsync("brisk", Equipment.None, TestContext.Current.CancellationToken);
            Ours = await MeasuredRun.OursAsync("short", Equipment.None, TestContext.Current.CancellationToken);
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    [Theory]
    [InlineData(Phase.Idle)]
    [InlineData(Phase.Pipe)]
    [InlineData(Phase.Exec)]
    [InlineData(Phase.Memory)]
    public void Under_load_only_ICR_writes_leave_the_guest(Phase load)
    {
        runs.Ours.Plugin.OtherExits(load).ShouldBeEmpty();
        runs.Ours.Plugin.Exits.Where(exit => exit.Phase == load && exit.Partition != MeasuredRun.Tenant && exit.Kind != ExitKind.Nmi).ShouldBeEmpty("partition 0 sleeps");
    }

    [Fact]
    public void Ten_idle_seconds_cost_at_most_30_exits() => runs.Ours.Plugin.IcrExits(Phase.Idle).ShouldBeInRange(1, 3 * LoadSize.ShortIdleSeconds);

    /// <summary>
    /// What the kernel sends by itself goes by time and only adds, so the least of many short batches is what round trips cost.
    /// The same holds for fork and exec below.
    /// </summary>
    [Fact]
    public void A_pipe_round_trip_across_cores_costs_at_most_2_exits()
    {
        IReadOnlyList<long> batches = runs.Ours.Plugin.IcrExitsOfBatches(Phase.Pipe);
        batches.Count.ShouldBe(LoadSize.ShortRoundTrips / LoadSize.Batch);
        batches.Min().ShouldBeInRange(1, 2 * LoadSize.Batch);
    }

    [Fact]
    public void A_wake_up_across_cores_costs_at_most_1_3_exits() =>
        (runs.Ours.Plugin.IcrExits(Phase.Pipe) / (2.0 * LoadSize.ShortRoundTrips)).ShouldBeInRange(0.1, 1.3);

    [Fact]
    public void A_fork_and_exec_costs_at_most_1_exit()
    {
        IReadOnlyList<long> batches = runs.Ours.Plugin.IcrExitsOfBatches(Phase.Exec);
        batches.Count.ShouldBe(LoadSize.Execs / LoadSize.ExecBatch);
        batches.Min().ShouldBeLessThanOrEqualTo(LoadSize.ExecBatch);
        runs.Ours.Plugin.IcrExits(Phase.Exec).ShouldBeGreaterThan(0);
    }

    [Fact]
    public void The_monitor_passes_an_interrupt_on_in_less_than_220_instructions()
    {
        IReadOnlyList<ExitCount> exits = runs.Ours.Plugin.Of(ExitKind.IcrPlain);
        exits.Sum(exit => exit.Exits).ShouldBeGreaterThan(1000);
        exits.Max(exit => exit.Most).ShouldBeLessThan(220);
        exits.Min(exit => exit.Least).ShouldBeGreaterThan(50, "XMM alone takes 32");
    }

    [Fact]
    public void Every_register_of_the_guest_survives_an_exit() =>
        runs.Ours.Serial.ShouldContain($"REGISTERS KEPT over {2 * LoadSize.ShortRoundTrips} writes");

    [Fact]
    public void The_plugin_and_the_monitor_count_the_same()
    {
        long counted = Enum.GetValues<Phase>().Sum(runs.Ours.Plugin.IcrExits);
        runs.Ours.Figures("exits.Icr").ShouldBe([counted]);
        runs.Native.Plugin.Exits.ShouldBeEmpty("nothing leaves a machine that has no monitor");
    }
}
