using System.Text.RegularExpressions;
using Google.Protobuf;
using Osv.Contracts.BootInterface;
using Osv.Contracts.ControlDevice;
using Osv.Contracts.Node;
using EventKind = Osv.Contracts.ControlDevice.EventKind;

namespace Osv.Agent.Tests;

public sealed class ReconcilerTests : IDisposable
{
    private readonly Bench _bench = new();

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void A_wanted_tenant_runs_on_its_cores_and_an_unwanted_one_is_gone_with_nothing_left()
    {
        _bench.Want(_bench.Tenant("a", 2, 3));
        _bench.Settle();
        ObservedPartition seen = _bench.Seen("a");
        seen.Phase.ShouldBe(PartitionPhase.Running);
        seen.MemoryBytes.ShouldBe(128UL << 20);
        _bench.Monitor.Cores.Where(core => core.Partition == seen.Partition).Select(core => core.ApicId).ShouldBe([2u, 3u]);

        _bench.Want();
        _bench.Settle();
        _bench.Monitor.Existing.ShouldBe(0);
        _bench.Notes.Partitions().ShouldBeEmpty();
        _bench.Reconciler.Observe().Partitions.ShouldBeEmpty();
    }

    [Fact]
    public void Steps_that_take_long_are_spread_over_rounds_and_every_tenant_has_its_turn()
    {
        string[] ids = ["a", "b", "c", "d"];
        _bench.Time.AutoAdvanceAmount = TimeSpan.FromMilliseconds(200);
        _bench.Want([.. ids.Select((id, i) => _bench.Tenant(id, (uint)i + 2))]);
        for (int round = 1; round <= ids.Length; round++)
        {
            _bench.Reconciler.Tick();
            ids.Count(id => _bench.Seen(id).Phase != PartitionPhase.Unspecified).ShouldBe(round);
        }
        for (int round = 0; round < 3 * ids.Length; round++) _bench.Reconciler.Tick();
        ids.ShouldAllBe(id => _bench.Seen(id).Phase == PartitionPhase.Running);
    }

    [Fact]
    public void What_is_loaded_is_the_kernel_the_command_line_and_the_tenants_own_data()
    {
        DesiredPartition wanted = _bench.Tenant("a", 2);
        wanted.CommandLine = "quiet";
        wanted.CloudInit = new CloudInit { Hostname = "web-1", SshAuthorizedKeys = { "ssh-ed25519 AAAA me@here" }, UserData = ByteString.CopyFromUtf8("#!/bin/sh\necho password\n") };
        _bench.Want(wanted);
        _bench.Settle();
        System.Text.Encoding.ASCII.GetString(_bench.Monitor.Loaded(GuestMap.CommandLine, 19)).ShouldBe("console=ttyS0 quiet");
        _bench.Monitor.Loaded(0x100_0000, 0x4000).SequenceEqual(FakeImages.Kernel().AsSpan(5 * 512)).ShouldBeTrue("the kernel lies where it wants to");
        string seed = Seed();
        seed.ShouldStartWith("070701");
        seed.ShouldContain("local-hostname: \"web-1\"");
        seed.ShouldContain("ssh-ed25519 AAAA me@here");
        // For cloud-init and for images without it; root's alone, as it may hold secrets.
        Regex.Count(seed, "070701.{8}000081C0.{88}(var/lib/cloud/seed/nocloud|etc/osv)/user-data\0+#!/bin/sh\necho password\n").ShouldBe(2);
        _bench.Log.ToString().ShouldNotContain("password");
    }

    [Fact]
    public void Every_start_is_told_the_time_at_which_it_happens()
    {
        DesiredPartition wanted = _bench.Tenant("a", 2);
        wanted.Restart = RestartPolicy.Always;
        wanted.CloudInit = new CloudInit { Hostname = "web-1" };
        _bench.Want(wanted);
        _bench.Settle();
        Seed().ShouldContain($"etc/osv/time\0\0{_bench.Time.GetUtcNow().ToUnixTimeSeconds()}\n");
        _bench.Time.Advance(TimeSpan.FromHours(7));
        _bench.Monitor.End((int)_bench.Seen("a").Partition, StopCause.Reset);
        _bench.Settle();
        _bench.Seen("a").Restarts.ShouldBe(1u);
        Seed().ShouldContain($"etc/osv/time\0\0{_bench.Time.GetUtcNow().ToUnixTimeSeconds()}\n");
    }

    /// <summary>What was loaded behind the initrd.</summary>
    private string Seed()
    {
        uint initrd = BitConverter.ToUInt32(_bench.Monitor.Loaded(GuestMap.BootParams + 0x218, 4)), bytes = BitConverter.ToUInt32(_bench.Monitor.Loaded(GuestMap.BootParams + 0x21C, 4));
        return System.Text.Encoding.Latin1.GetString(_bench.Monitor.Loaded(initrd, (int)bytes));
    }

    [Theory]
    [InlineData("not a bzImage")]
    [InlineData("cut short")]
    [InlineData("does not fit")]
    [InlineData("wrong hash")]
    public void A_bad_image_is_refused_with_the_reason_before_a_core_is_taken(string reason)
    {
        DesiredPartition wanted = _bench.Tenant("a", 2);
        wanted.Image.Kernel = reason switch
        {
            "not a bzImage" => _bench.Images.Add(new byte[20_000]),
            "cut short" => _bench.Images.Add(FakeImages.Kernel()[..3000]),
            "does not fit" => _bench.Images.Add(FakeImages.Kernel(initSize: 512 << 20)),
            _ => _bench.Images.Add([1, 2, 3]),
        };
        if (reason == "wrong hash") _bench.Images.Fail(wanted.Image.Kernel, "the image has the wrong hash");
        _bench.Want(wanted);
        _bench.Settle();
        _bench.Seen("a").Phase.ShouldBe(reason == "wrong hash" ? PartitionPhase.Refused : PartitionPhase.Invalid, "a hash may be right the next time, a kernel never");
        _bench.Seen("a").Reason.ShouldContain(reason);
        _bench.Monitor.Operations.ShouldNotContain(ControlOperation.Create);

        DesiredPartition better = _bench.Tenant("a", 2);
        _bench.Want(better);
        _bench.Time.Advance(TimeSpan.FromSeconds(6));
        _bench.Settle();
        _bench.Seen("a").Phase.ShouldBe(PartitionPhase.Running);
    }

    [Fact]
    public void An_image_that_is_on_its_way_is_waited_for_without_taking_a_core()
    {
        DesiredPartition wanted = _bench.Tenant("a", 2);
        string hash = Convert.ToHexStringLower(wanted.Image.Kernel.Sha256.Span);
        _bench.Images.OnTheWay.Add(hash);
        _bench.Want(wanted);
        _bench.Settle();
        _bench.Seen("a").Phase.ShouldBe(PartitionPhase.Fetching);
        _bench.Monitor.Existing.ShouldBe(0);
        _bench.Images.Kept.ShouldContain(hash);
        _bench.Images.Trouble = "http://images/1: connection refused";
        _bench.Settle();
        _bench.Seen("a").Reason.ShouldEndWith("http://images/1: connection refused; trying again");
        _bench.Images.OnTheWay.Clear();
        _bench.Settle();
        _bench.Seen("a").Phase.ShouldBe(PartitionPhase.Running);
    }

    [Fact]
    public void A_raised_generation_reboots_once()
    {
        DesiredPartition wanted = _bench.Tenant("a", 2);
        _bench.Want(wanted);
        _bench.Settle();
        DesiredPartition again = wanted.Clone();
        again.StartGeneration = 2;
        _bench.Want(again);
        _bench.Settle();
        _bench.Seen("a").Phase.ShouldBe(PartitionPhase.Running);
        _bench.Monitor.Operations.Count(operation => operation == ControlOperation.Start).ShouldBe(2);
        _bench.Seen("a").Restarts.ShouldBe(0u);
    }

    [Fact]
    public void Cores_that_change_make_a_new_partition()
    {
        _bench.Want(_bench.Tenant("a", 2));
        _bench.Settle();
        _bench.Want(_bench.Tenant("a", 3, 4));
        _bench.Settle();
        _bench.Seen("a").ApicIds.ShouldBe([3u, 4u]);
        _bench.Seen("a").Phase.ShouldBe(PartitionPhase.Running);
        _bench.Monitor.Existing.ShouldBe(1);
    }

    [Theory]
    [InlineData(RestartPolicy.Never, StopCause.TripleFault, false)]
    [InlineData(RestartPolicy.Never, StopCause.Reset, false)]
    [InlineData(RestartPolicy.OnFailure, StopCause.PowerOff, false)]
    [InlineData(RestartPolicy.OnFailure, StopCause.TripleFault, true)]
    [InlineData(RestartPolicy.OnFailure, StopCause.Reset, true)]
    [InlineData(RestartPolicy.Always, StopCause.PowerOff, true)]
    public void The_restart_policy_decides_what_follows_an_end(RestartPolicy policy, StopCause cause, bool restarts)
    {
        DesiredPartition wanted = _bench.Tenant("a", 2);
        wanted.Restart = policy;
        _bench.Want(wanted);
        _bench.Settle();
        _bench.Monitor.End((int)_bench.Seen("a").Partition, cause);
        _bench.Settle();
        _bench.Time.Advance(TimeSpan.FromSeconds(2));
        _bench.Settle();
        _bench.Seen("a").Phase.ShouldBe(restarts ? PartitionPhase.Running : PartitionPhase.Stopped);
        _bench.Seen("a").Restarts.ShouldBe(restarts ? 1u : 0u);
        if (!restarts) _bench.Seen("a").Reason.ShouldContain(cause.ToString());
    }

    [Fact]
    public void Failures_in_a_row_wait_longer_each_time_and_a_long_run_makes_up_for_them()
    {
        DesiredPartition wanted = _bench.Tenant("a", 2);
        wanted.Restart = RestartPolicy.Always;
        _bench.Want(wanted);
        _bench.Settle();
        _bench.Monitor.End((int)_bench.Seen("a").Partition, StopCause.TripleFault);
        _bench.Settle();
        _bench.Seen("a").Phase.ShouldBe(PartitionPhase.Running, "the first end in a row is followed by a start at once");
        for (int seconds = 1; seconds <= 8; seconds *= 2)
        {
            _bench.Monitor.End((int)_bench.Seen("a").Partition, StopCause.TripleFault);
            _bench.Settle();
            _bench.Seen("a").Phase.ShouldBe(PartitionPhase.BackingOff);
            _bench.Time.Advance(TimeSpan.FromSeconds(seconds - 0.5));
            _bench.Settle();
            _bench.Seen("a").Phase.ShouldBe(PartitionPhase.BackingOff, $"{seconds} s have not passed");
            _bench.Time.Advance(TimeSpan.FromSeconds(1));
            _bench.Settle();
            _bench.Seen("a").Phase.ShouldBe(PartitionPhase.Running);
        }
        _bench.Time.Advance(TimeSpan.FromMinutes(11));
        _bench.Settle();
        _bench.Monitor.End((int)_bench.Seen("a").Partition, StopCause.TripleFault);
        _bench.Settle();
        _bench.Seen("a").Phase.ShouldBe(PartitionPhase.Running);
    }

    [Fact]
    public void A_reboot_after_a_panic_counts_as_a_failure()
    {
        DesiredPartition wanted = _bench.Tenant("a", 2);
        wanted.Restart = RestartPolicy.OnFailure;
        _bench.Want(wanted);
        _bench.Settle();
        int partition = (int)_bench.Seen("a").Partition;
        _bench.Monitor.Report(EventKind.Panicked, partition);
        _bench.Monitor.End(partition, StopCause.PowerOff);
        _bench.Settle();
        _bench.Seen("a").Phase.ShouldBe(PartitionPhase.Running);
        _bench.Seen("a").Restarts.ShouldBe(1u);
    }

    [Theory]
    [InlineData(RestartPolicy.Always, PartitionPhase.Running, 1u)]
    [InlineData(RestartPolicy.OnFailure, PartitionPhase.Running, 1u)]
    [InlineData(RestartPolicy.Never, PartitionPhase.Stopped, 0u)]
    public void A_kernel_that_panicked_and_stands_still_is_stopped_and_its_policy_decides(RestartPolicy policy, PartitionPhase then, uint restarts)
    {
        DesiredPartition wanted = _bench.Tenant("a", 2);
        wanted.Restart = policy;
        _bench.Want(wanted);
        _bench.Settle();
        _bench.Monitor.Report(EventKind.Panicked, (int)_bench.Seen("a").Partition);
        _bench.Settle();
        _bench.Seen("a").Restarts.ShouldBe(0u, "its last words are waited for");
        _bench.Time.Advance(TimeSpan.FromSeconds(1));
        _bench.Settle();
        _bench.Seen("a").Phase.ShouldBe(then);
        _bench.Seen("a").Restarts.ShouldBe(restarts);
        if (then == PartitionPhase.Stopped) _bench.Seen("a").Reason.ShouldContain("Panic");
        _bench.Seen("a").LastEnd.ShouldBe("Panic");
        _bench.Time.Advance(TimeSpan.FromSeconds(5));
        _bench.Settle();
        _bench.Seen("a").Restarts.ShouldBe(restarts, "the panic of the run before does not count again");
    }

    /// <summary>After a panic one core turns in a delay loop, the others are halted with interrupts off.</summary>
    private void Panics(uint awake)
    {
        ulong turn = 0;
        _bench.Monitor.Found = core => core == awake ? (0xFFFF_FFFF_8155_0000 + (turn += 5) % 60, true) : (0xFFFF_FFFF_8100_1000, false);
    }

    [Theory]
    [InlineData(RestartPolicy.Always, PartitionPhase.Running, 1u)]
    [InlineData(RestartPolicy.Never, PartitionPhase.Stopped, 0u)]
    public void A_kernel_without_a_driver_for_the_panic_port_is_known_by_its_last_words(RestartPolicy policy, PartitionPhase then, uint restarts)
    {
        Panics(2);
        DesiredPartition wanted = _bench.Tenant("a", 2);
        wanted.Restart = policy;
        _bench.Want(wanted);
        _bench.Settle();
        int partition = (int)_bench.Seen("a").Partition;
        _bench.Monitor.Print(partition, "[    1.25] Kernel panic - not syncing: Attempted to kill init!\r\n[    1.26] ---[ end Kernel panic - not syncing: Attempted to kill init! ]---\r\n");
        Later(1);
        _bench.Seen("a").Phase.ShouldBe(PartitionPhase.Running, "it may have more to say");
        Later(2);
        _bench.Seen("a").Phase.ShouldBe(then);
        _bench.Seen("a").LastEnd.ShouldBe("Panic");
        _bench.Seen("a").Restarts.ShouldBe(restarts);
        Later(5);
        _bench.Seen("a").Restarts.ShouldBe(restarts, "the panic of the run before does not count again");
    }

    [Fact]
    public void Last_words_are_known_though_the_management_Linux_died_after_them()
    {
        _bench.Want(_bench.Tenant("a", 2));
        _bench.Settle();
        _bench.Monitor.Print((int)_bench.Seen("a").Partition, "up\r\n[    1.26] ---[ end Kernel panic - not syncing: Attempted to kill init! ]---\r\n");
        _bench.Settle();
        Panics(2);
        _bench.RestartManagement();
        _bench.Want(_bench.Tenant("a", 2));
        Later(3);
        Later(3);
        _bench.Seen("a").LastEnd.ShouldBe("Panic");
    }

    [Fact]
    public void What_cannot_fit_its_memory_is_refused_before_it_is_fetched()
    {
        DesiredPartition wanted = _bench.Tenant("a", 2);
        wanted.Image.Initrd = new Artifact { Url = "http://nobody/", Sha256 = ByteString.CopyFrom(new byte[32]), Bytes = 200 << 20 };
        _bench.Want(wanted);
        _bench.Settle();
        _bench.Seen("a").Phase.ShouldBe(PartitionPhase.Invalid);
        _bench.Seen("a").Reason.ShouldContain("the initrd does not fit");
        _bench.Monitor.Existing.ShouldBe(0);
    }

    [Fact]
    public void What_does_not_fit_the_memory_of_one_cell_may_fit_elsewhere()
    {
        DesiredPartition wanted = _bench.Tenant("a", 2);
        wanted.Memory.Add(new MemoryShare { Cell = 1, Bytes = 128 << 20 });
        wanted.Image.Kernel = _bench.Images.Add(FakeImages.Kernel(initSize: 200 << 20));
        _bench.Want(wanted);
        _bench.Settle();
        _bench.Seen("a").Phase.ShouldBe(PartitionPhase.Refused);
    }

    public enum Doing
    {
        Idling,
        IdlingOnTwoCores,
        WorkingAllOverTheKernel,
        InALoopOfTheKernelThatEnds,
    }

    [Theory]
    [InlineData(Doing.Idling)]
    [InlineData(Doing.IdlingOnTwoCores)]
    [InlineData(Doing.WorkingAllOverTheKernel)]
    [InlineData(Doing.InALoopOfTheKernelThatEnds)]
    public void Whoever_prints_the_end_of_a_panic_and_has_not_panicked_runs_on(Doing what)
    {
        ulong turn = 0;
        _bench.Monitor.Found = core => (0xFFFF_FFFF_8100_1000 + (what == Doing.WorkingAllOverTheKernel ? (turn += 0x1230) : what is Doing.IdlingOnTwoCores or Doing.InALoopOfTheKernelThatEnds ? (turn += 3) % 60 : 0), true);
        int looks = 0;
        if (what == Doing.InALoopOfTheKernelThatEnds) _bench.Monitor.InUserMode = () => ++looks % 8 == 0;
        _bench.Want(what == Doing.IdlingOnTwoCores ? _bench.Tenant("a", 2, 3) : _bench.Tenant("a", 2));
        _bench.Settle();
        if (what == Doing.IdlingOnTwoCores) _bench.Monitor.Cores[3].Mode = CoreMode.Running;
        _bench.Monitor.Print((int)_bench.Seen("a").Partition, "---[ end Kernel panic - not syncing: joke ]---\r\n");
        for (int i = 0; i < 5; i++) Later(5);
        _bench.Seen("a").Phase.ShouldBe(PartitionPhase.Running);
    }

    [Theory]
    [InlineData("---[ end Kernel panic - not syncing: a line of a log ]---\r\n# ")]
    [InlineData("Kernel panic - not syncing: soon\r\n")]
    [InlineData("---[ end Kernel panic - not syncing: half of")]
    public void Whoever_only_prints_words_of_a_panic_runs_on(string text)
    {
        _bench.Want(_bench.Tenant("a", 2));
        _bench.Settle();
        _bench.Monitor.Print((int)_bench.Seen("a").Partition, text);
        Later(5);
        Later(5);
        _bench.Seen("a").Phase.ShouldBe(PartitionPhase.Running);
    }

    private void Later(int seconds)
    {
        _bench.Settle();
        _bench.Time.Advance(TimeSpan.FromSeconds(seconds));
        _bench.Settle();
    }

    [Fact]
    public void Without_contact_those_stop_whose_policy_says_so_and_come_back_when_the_control_plane_says_so()
    {
        DesiredPartition careful = _bench.Tenant("careful", 2), steady = _bench.Tenant("steady", 3);
        careful.Lease = LeasePolicy.Stop;
        _bench.Lease.SetDuration(TimeSpan.FromSeconds(30));
        _bench.Want(careful, steady);
        _bench.Settle();
        _bench.Time.Advance(TimeSpan.FromSeconds(29));
        _bench.Settle();
        _bench.Seen("careful").Phase.ShouldBe(PartitionPhase.Running);
        _bench.Time.Advance(TimeSpan.FromSeconds(2));
        _bench.Settle();
        _bench.Seen("careful").Phase.ShouldBe(PartitionPhase.Stopped);
        _bench.Seen("careful").Reason.ShouldContain("30 s");
        _bench.Seen("steady").Phase.ShouldBe(PartitionPhase.Running);
        // It may run elsewhere by now: that the control plane is heard again does not mean that it wants it here.
        _bench.Lease.Renew();
        _bench.Settle();
        _bench.Seen("careful").Phase.ShouldBe(PartitionPhase.Stopped);
        _bench.Reconciler.AwaitsWord.ShouldBeTrue();
        _bench.Want(careful, steady);
        _bench.Settle();
        _bench.Seen("careful").Phase.ShouldBe(PartitionPhase.Running);
        _bench.Reconciler.AwaitsWord.ShouldBeFalse();
    }

    [Theory]
    [InlineData(400)]
    [InlineData(-400)]
    public void A_step_of_the_wall_clock_ends_no_lease_and_holds_up_no_restart(int days)
    {
        DesiredPartition careful = _bench.Tenant("careful", 2);
        careful.Lease = LeasePolicy.Stop;
        careful.Restart = RestartPolicy.Always;
        _bench.Lease.SetDuration(TimeSpan.FromSeconds(30));
        _bench.Want(careful);
        _bench.Settle();
        _bench.Time.Step = TimeSpan.FromDays(days);
        _bench.Settle();
        _bench.Seen("careful").Phase.ShouldBe(PartitionPhase.Running);
        _bench.Monitor.End((int)_bench.Seen("careful").Partition, StopCause.TripleFault);
        _bench.Settle();
        _bench.Time.Step = TimeSpan.Zero;
        _bench.Time.Advance(TimeSpan.FromSeconds(1.5));
        _bench.Settle();
        _bench.Seen("careful").Phase.ShouldBe(PartitionPhase.Running);
    }

    [Fact]
    public void Cores_that_are_taken_are_refused_by_name_and_tried_again()
    {
        _bench.Want(_bench.Tenant("a", 2), _bench.Tenant("b", 2));
        _bench.Settle();
        _bench.Seen("a").Phase.ShouldBe(PartitionPhase.Running);
        _bench.Seen("b").Phase.ShouldBe(PartitionPhase.Refused);
        _bench.Seen("b").Reason.ShouldContain("CoreNotFree");
        _bench.Want(_bench.Tenant("b", 2));
        _bench.Settle();
        _bench.Time.Advance(TimeSpan.FromSeconds(6));
        _bench.Settle();
        _bench.Seen("b").Phase.ShouldBe(PartitionPhase.Running);
    }

    [Fact]
    public void A_new_agent_without_word_from_the_control_plane_leaves_all_as_it_is()
    {
        _bench.Want(_bench.Tenant("a", 2), _bench.Tenant("b", 3));
        _bench.Settle();
        int operations = _bench.Monitor.Operations.Count;
        _bench.Restart();
        _bench.Settle();
        _bench.Monitor.Operations.Count.ShouldBe(operations);
        _bench.Seen("a").Phase.ShouldBe(PartitionPhase.Running);
        _bench.Seen("b").ApicIds.ShouldBe([3u]);
    }
}
