using Osv.Contracts.ControlDevice;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Tests;

public sealed class HealthTests
{
    private const ulong Here = 0xFFFF_FFFF_8100_1234, There = 0xFFFF_FFFF_8100_1238;

    private readonly TestNode _node = TestNode.WithRunningTenant();

    private bool Hangs(ulong rip, bool interruptsOn = false, bool halted = false, bool waits = false, ulong at = 0, int core = 1) =>
        Health.Hangs(_node.Machine, core, new Sample { Rip = rip, InterruptsOn = interruptsOn, Halted = halted, InterruptWaits = waits, Milliseconds = at });

    [Fact]
    public void A_core_hangs_when_two_probes_in_a_row_find_it_at_one_place_with_interrupts_off_and_that_is_said_once()
    {
        Hangs(Here).ShouldBeFalse();
        Hangs(Here).ShouldBeTrue();
        Hangs(Here).ShouldBeFalse("it was said");
        Hangs(There).ShouldBeFalse("it moved");
        Hangs(There, interruptsOn: true).ShouldBeFalse("it can move");
        Hangs(There).ShouldBeFalse("the count begins again");
        Hangs(There).ShouldBeTrue();
    }

    [Fact]
    public void A_repeated_instruction_that_goes_on_does_not_hang()
    {
        for (ulong left = 1_000_000; left > 999_990; left--)
            Health.Hangs(_node.Machine, 1, new Sample { Rip = Here, Counter = left }).ShouldBeFalse();
    }

    /// <summary>A tenant that prints all the time is where it leaves for the monitor, interrupts off, whenever it is looked at.</summary>
    [Fact]
    public void A_core_that_goes_on_sending_or_printing_does_not_hang()
    {
        for (ulong exits = 0; exits < 10; exits++)
            Health.Hangs(_node.Machine, 1, new Sample { Rip = Here, InterruptWaits = true, Milliseconds = exits * 5_000, Exits = exits }).ShouldBeFalse();
        Health.Hangs(_node.Machine, 1, new Sample { Rip = Here, Exits = 9 }).ShouldBeTrue();
    }

    [Fact]
    public void A_core_hangs_in_a_long_loop_when_interrupts_are_off_and_one_waits_for_a_second()
    {
        Hangs(Here, waits: true, at: 5_000).ShouldBeFalse();
        Hangs(Here + 1, waits: true, at: 5_500).ShouldBeFalse();
        Hangs(Here + 2, waits: true, at: 5_999).ShouldBeFalse("less than a second");
        Hangs(Here + 3, waits: true, at: 6_000).ShouldBeTrue();
        Hangs(Here + 4, waits: true, at: 7_000).ShouldBeFalse("it was said");
    }

    [Fact]
    public void Three_probes_over_a_second_show_a_loop()
    {
        Hangs(Here, waits: true, at: 5_000).ShouldBeFalse();
        Hangs(Here + 1, waits: true, at: 5_500).ShouldBeFalse();
        Hangs(Here + 2, waits: true, at: 6_000).ShouldBeTrue();
    }

    [Fact]
    public void Two_probes_however_far_apart_do_not_show_a_loop()
    {
        Hangs(Here, waits: true, at: 0).ShouldBeFalse();
        Hangs(There, waits: true, at: 60_000).ShouldBeFalse();
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(false, false)]
    public void A_core_that_takes_interrupts_in_between_does_not_hang(bool interruptsOn, bool waits)
    {
        Hangs(Here, waits: true, at: 0);
        Hangs(Here + 1, waits: true, at: 1_000);
        Hangs(Here + 2, interruptsOn, waits: waits, at: 2_000).ShouldBeFalse();
        Hangs(Here + 3, waits: true, at: 3_000).ShouldBeFalse("the count begins again");
    }

    [Fact]
    public void A_core_that_was_parked_does_not_hang_while_another_of_its_partition_works()
    {
        _node.Cores[2].Mode = CoreMode.Running;
        for (int i = 0; i < 3; i++)
        {
            Hangs(Here, halted: true, waits: true, at: (ulong)i * 1_000, core: 2).ShouldBeFalse();
            Hangs(There + (ulong)i, interruptsOn: true, core: 1).ShouldBeFalse();
        }
    }

    [Fact]
    public void A_core_of_partition_0_that_was_parked_does_not_hang_while_its_first_works()
    {
        (_node.Cores[3].Partition, _node.Cores[3].Mode) = (0, CoreMode.Running);
        for (int i = 0; i < 3; i++) Hangs(Here, halted: true, core: 3).ShouldBeFalse();
    }

    [Fact]
    public void A_partition_whose_cores_have_all_halted_with_interrupts_off_hangs()
    {
        _node.Cores[2].Mode = CoreMode.Running;
        Hangs(Here, halted: true, core: 1).ShouldBeFalse();
        Hangs(Here, halted: true, core: 2).ShouldBeFalse();
        Hangs(Here, halted: true, core: 1).ShouldBeFalse();
        Hangs(Here, halted: true, core: 2).ShouldBeTrue();
        Hangs(Here, halted: true, core: 1).ShouldBeTrue();
    }

    [Fact]
    public void A_core_that_waits_for_its_start_does_not_count()
    {
        _node.Cores[2].Mode.ShouldBe(CoreMode.WaitForSipi);
        Hangs(Here, halted: true).ShouldBeFalse();
        Hangs(Here, halted: true).ShouldBeTrue();
    }

    [Fact]
    public void HLT_with_interrupts_on_is_sleep()
    {
        for (int i = 0; i < 5; i++) Hangs(Here, interruptsOn: true, halted: true, at: (ulong)i * 1_000).ShouldBeFalse();
    }

    [Fact]
    public void The_watch_ends_partition_0_after_two_strikes_without_a_beat()
    {
        var watch = new Watch();
        watch.IsSilent(1).ShouldBeFalse();
        watch.IsSilent(1).ShouldBeFalse();
        watch.IsSilent(1).ShouldBeTrue();
    }

    [Fact]
    public void The_watch_waits_for_the_first_beat_and_counts_anew_after_each()
    {
        var watch = new Watch();
        for (int i = 0; i < 100; i++) watch.IsSilent(0).ShouldBeFalse("it has not begun");
        for (uint beat = 1; beat < 20; beat++)
        {
            watch.IsSilent(beat).ShouldBeFalse();
            watch.IsSilent(beat).ShouldBeFalse();
        }
        watch.IsSilent(0).ShouldBeFalse("a new start");
    }
}
