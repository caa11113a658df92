using Osv.Contracts.ControlDevice;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Tests;

public sealed class LifecycleTests
{
    private static PartitionState StateOf(TestNode node, int partition) => node.Partitions[partition].State;

    [Fact]
    public void A_start_enters_the_boot_core_and_leaves_the_others_waiting()
    {
        TestNode node = TestNode.WithTenant();
        node.Ask(ControlOperation.Start, new ControlRequest { Partition = 1, Entry = TestNode.Entry }).ShouldBe(ControlStatus.Ok);
        RecordingHardware.Calls.ShouldBe([new Attach(1), new Report(EventKind.Started, StopCause.None, 1, 1), new Kick(1)]);
        StateOf(node, 1).ShouldBe(PartitionState.Running);
        node.Partitions[1].Entry.ShouldBe(TestNode.Entry);
        node.Act(1).ShouldBe(CoreAction.EnterStart);
        node.Act(2).ShouldBe(CoreAction.Park);
        node.Cores[1].Mode.ShouldBe(CoreMode.Running);
        node.Cores[2].Mode.ShouldBe(CoreMode.WaitForSipi);
        node.Cores[1].Dirty.ShouldBeTrue();
    }

    [Fact]
    public void A_stop_takes_every_core_back_then_clears_memory_then_tells_the_cause()
    {
        TestNode node = TestNode.WithRunningTenant();
        Lifecycle.Stop<RecordingHardware>(node.Machine, 1, StopCause.TripleFault).ShouldBeTrue();
        RecordingHardware.Calls.ShouldBe([new Detach(1), new Kick(1), new Kick(2)]);
        RecordingHardware.Forget();

        node.Act(2).ShouldBe(CoreAction.ScrubCore);
        Lifecycle.CoreIsBack<RecordingHardware>(node.Machine, 2);
        StateOf(node, 1).ShouldBe(PartitionState.Stopping);
        RecordingHardware.Calls.ShouldBeEmpty();

        node.Act(1).ShouldBe(CoreAction.ScrubCore);
        Lifecycle.CoreIsBack<RecordingHardware>(node.Machine, 1);
        StateOf(node, 1).ShouldBe(PartitionState.Scrubbing);
        RecordingHardware.Calls.ShouldBe([new Kick(1)]);
        RecordingHardware.Forget();

        node.Act(2).ShouldBe(CoreAction.Park);
        node.Act(1).ShouldBe(CoreAction.ScrubMemory);
        node.Partitions[1].Dirty.ShouldBeTrue();
        Lifecycle.MemoryIsClean<RecordingHardware>(node.Machine, 1);
        StateOf(node, 1).ShouldBe(PartitionState.Stopped);
        node.Partitions[1].Dirty.ShouldBeFalse();
        node.Cores.ShouldAllBe(core => core.Partition != 1 || !core.Dirty);
        RecordingHardware.Calls.ShouldBe([new TakeEvents(), new Report(EventKind.Stopped, StopCause.TripleFault, 1, 1)]);
    }

    [Theory]
    [InlineData(StopCause.Requested)]
    [InlineData(StopCause.Reset)]
    [InlineData(StopCause.PowerOff)]
    [InlineData(StopCause.MemoryViolation)]
    [InlineData(StopCause.InvalidGuestState)]
    public void The_first_cause_of_a_stop_is_the_one_that_is_kept(StopCause cause)
    {
        TestNode node = TestNode.WithRunningTenant();
        Lifecycle.Stop<RecordingHardware>(node.Machine, 1, cause).ShouldBeTrue();
        byte[] before = node.Snapshot();
        Lifecycle.Stop<RecordingHardware>(node.Machine, 1, StopCause.Violation).ShouldBeFalse();
        node.Snapshot().ShouldBe(before);
        node.Partitions[1].Cause.ShouldBe(cause);
    }

    [Fact]
    public void A_stop_before_the_core_has_entered_keeps_it_out()
    {
        TestNode node = TestNode.WithTenant();
        node.Ask(ControlOperation.Start, new ControlRequest { Partition = 1, Entry = TestNode.Entry }).ShouldBe(ControlStatus.Ok);
        Lifecycle.Stop<RecordingHardware>(node.Machine, 1, StopCause.Requested).ShouldBeTrue();
        node.Act(1).ShouldBe(CoreAction.ScrubCore);
        node.Act(2).ShouldBe(CoreAction.ScrubCore);
    }

    [Fact]
    public void A_free_core_parks_and_forgets()
    {
        TestNode node = TestNode.Booted();
        node.Cores[5].Requests = Request.Nmi | Request.Enter;
        node.Act(5).ShouldBe(CoreAction.Park);
        node.Cores[5].Requests.ShouldBe(Request.None);
    }

    [Fact]
    public void A_look_without_requests_changes_nothing()
    {
        TestNode node = TestNode.WithRunningTenant();
        byte[] before = node.Snapshot();
        node.Act(1).ShouldBe(CoreAction.Resume);
        node.Act(2).ShouldBe(CoreAction.Park);
        node.Act(5).ShouldBe(CoreAction.Park);
        node.Snapshot().ShouldBe(before);
    }

    [Fact]
    public void An_NMI_waits_for_the_end_of_the_handler_of_the_one_before()
    {
        TestNode node = TestNode.WithRunningTenant();
        node.Cores[1].Requests = Request.Nmi;
        node.Act(1, mayTakeNmi: false).ShouldBe(CoreAction.Resume);
        node.Cores[1].Requests.ShouldBe(Request.Nmi);
        node.Act(1).ShouldBe(CoreAction.ResumeWithNmi);
        node.Cores[1].Requests.ShouldBe(Request.None);
    }

    [Fact]
    public void An_NMI_right_after_the_start_of_a_core_reaches_it()
    {
        TestNode node = TestNode.WithRunningTenant();
        IcrPolicy.Write<RecordingHardware>(node.Machine, 1, (4UL << 32) | 0x4400);
        node.Act(2).ShouldBe(CoreAction.Park);
        node.Cores[2].Requests.ShouldBe(Request.None, "before its start there is nobody to take it");
        IcrPolicy.Write<RecordingHardware>(node.Machine, 1, (4UL << 32) | 0x4608);
        IcrPolicy.Write<RecordingHardware>(node.Machine, 1, (4UL << 32) | 0x4400);
        node.Act(2).ShouldBe(CoreAction.EnterSipi);
        node.Act(2).ShouldBe(CoreAction.ResumeWithNmi);
        node.Act(2).ShouldBe(CoreAction.Resume);
    }

    [Fact]
    public void INIT_drops_the_NMI_that_waits()
    {
        TestNode node = TestNode.WithRunningTenant();
        node.Cores[1].Requests = Request.Nmi;
        IcrPolicy.Write<RecordingHardware>(node.Machine, 1, (2UL << 32) | 0x4500);
        IcrPolicy.Write<RecordingHardware>(node.Machine, 1, (2UL << 32) | 0x4400);
        node.Act(1).ShouldBe(CoreAction.Park);
        node.Cores[1].Requests.ShouldBe(Request.None);
    }

    [Fact]
    public void A_start_forgets_why_the_former_run_ended_and_where_it_hung()
    {
        TestNode node = TestNode.WithTenant();
        node.Partitions[1].Cause = StopCause.TripleFault;
        node.Cores[1].Stuck = new Stuck { Seen = true, Last = new Sample { Rip = 0x1234 } };
        node.Ask(ControlOperation.Start, new ControlRequest { Partition = 1, Entry = TestNode.Entry }).ShouldBe(ControlStatus.Ok);
        node.Cores[1].Stuck.ShouldBe(default);
        node.Partitions[1].Cause.ShouldBe(StopCause.None);
    }

    [Fact]
    public void A_tenants_panic_is_told_once_per_start_and_it_goes_on()
    {
        TestNode node = TestNode.WithRunningTenant();
        Lifecycle.Panicked<RecordingHardware>(node.Machine, 1, 1);
        Lifecycle.Panicked<RecordingHardware>(node.Machine, 1, 1);
        RecordingHardware.Calls.ShouldBe([new Report(EventKind.Panicked, StopCause.None, 1, 1)]);
        StateOf(node, 1).ShouldBe(PartitionState.Running);

        Lifecycle.Start<RecordingHardware>(node.Machine, 1);
        RecordingHardware.Forget();
        Lifecycle.Panicked<RecordingHardware>(node.Machine, 1, 1);
        RecordingHardware.Calls.ShouldBe([new Report(EventKind.Panicked, StopCause.None, 1, 1)]);
    }

    [Fact]
    public void A_panic_of_the_management_linux_stops_partition_0()
    {
        TestNode node = TestNode.Booted();
        Lifecycle.Panicked<RecordingHardware>(node.Machine, 0, 0);
        StateOf(node, 0).ShouldBe(PartitionState.Stopping);
        node.Partitions[0].Cause.ShouldBe(StopCause.Panicked);
        node.Act(0).ShouldBe(CoreAction.ScrubCore);
    }
}
