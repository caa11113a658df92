using CsCheck;
using Osv.Contracts.ControlDevice;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Tests;

public sealed class IcrPolicyTests
{
    private const uint Broadcast = 0xFFFF_FFFF;

    /// <summary>Cores 0 and 1 of partition 1, 2 and 3 of partition 2, 4 free; ids in two logical clusters, all running but the last.</summary>
    private static TestNode TwoTenants()
    {
        var node = new TestNode([0x10, 0x11, 0x12, 0x23, 0x24]);
        for (int i = 0; i < 4; i++)
        {
            node.Cores[i].Partition = (ushort)(1 + i / 2);
            node.Cores[i].Mode = CoreMode.Running;
        }
        node.Partitions[1].State = node.Partitions[2].State = PartitionState.Running;
        return node;
    }

    private static bool Write(TestNode node, int sender, ulong value) => IcrPolicy.Write<RecordingHardware>(node.Machine, sender, value);

    [Fact]
    public void All_but_self_000c00f8_stays_inside_the_partition()
    {
        TestNode node = TwoTenants();
        Write(node, 0, 0x000C_00F8).ShouldBeTrue();
        RecordingHardware.Calls.ShouldBe([new Interrupt(0x11, 0xF8)]);
    }

    [Fact]
    public void Broadcast_reaches_the_partition_and_its_sender_only()
    {
        TestNode node = TwoTenants();
        Write(node, 2, ((ulong)Broadcast << 32) | 0x40).ShouldBeTrue();
        RecordingHardware.Calls.ShouldBe([new Interrupt(0x12, 0x40), new Interrupt(0x23, 0x40)]);
    }

    [Fact]
    public void A_whole_logical_cluster_reaches_the_partitions_cores_of_that_cluster_only()
    {
        TestNode node = TwoTenants();
        Write(node, 2, (0x1_FFFFUL << 32) | 0x840).ShouldBeTrue();
        RecordingHardware.Calls.ShouldBe([new Interrupt(0x12, 0x40)]);
    }

    [Fact]
    public void A_physical_id_of_another_partition_reaches_nobody()
    {
        TestNode node = TwoTenants();
        foreach (uint mode in (uint[])[0, 4, 5, 6]) Write(node, 0, (0x12UL << 32) | (mode << 8) | 0x40).ShouldBeFalse();
        RecordingHardware.Calls.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(1, "lowest priority")]
    [InlineData(2, "SMI")]
    [InlineData(3, "reserved")]
    [InlineData(7, "ExtINT")]
    public void A_delivery_mode_that_no_guest_needs_is_dropped_whatever_its_destination(uint mode, string name)
    {
        TestNode node = TwoTenants();
        byte[] before = node.Snapshot();
        foreach (uint shorthand in (uint[])[0, 1, 2, 3])
            foreach (uint destination in (uint[])[0x10, 0x11, 0x1_FFFF, Broadcast])
                foreach (uint logical in (uint[])[0, 0x800])
                    Write(node, 0, ((ulong)destination << 32) | (shorthand << 18) | logical | (mode << 8) | 0x40).ShouldBeFalse(name);
        RecordingHardware.Calls.ShouldBeEmpty();
        node.Snapshot().ShouldBe(before);
    }

    [Fact]
    public void An_NMI_becomes_a_request_and_a_kick()
    {
        TestNode node = TwoTenants();
        Write(node, 0, (0x11UL << 32) | 0x400).ShouldBeTrue();
        RecordingHardware.Calls.ShouldBe([new Kick(1)]);
        node.Act(1).ShouldBe(CoreAction.ResumeWithNmi);
    }

    [Fact]
    public void INIT_and_SIPI_start_a_core_at_the_first_vector()
    {
        TestNode node = TwoTenants();
        Write(node, 0, (0x11UL << 32) | 0xC500).ShouldBeTrue();
        Write(node, 0, (0x11UL << 32) | 0x8500).ShouldBeTrue("level de-assert does nothing");
        Write(node, 0, (0x11UL << 32) | 0x4699).ShouldBeTrue();
        Write(node, 0, (0x11UL << 32) | 0x469A).ShouldBeTrue("the second SIPI finds the core started");
        RecordingHardware.Calls.ShouldBe([new Kick(1), new Kick(1)]);
        node.Act(1).ShouldBe(CoreAction.EnterSipi);
        node.Cores[1].SipiVector.ShouldBe((byte)0x99);
        node.Act(1).ShouldBe(CoreAction.Resume);
    }

    [Fact]
    public void A_SIPI_to_a_running_core_does_nothing()
    {
        TestNode node = TwoTenants();
        byte[] before = node.Snapshot();
        Write(node, 0, (0x11UL << 32) | 0x4699).ShouldBeTrue();
        RecordingHardware.Calls.ShouldBeEmpty();
        node.Snapshot().ShouldBe(before);
    }

    [Fact]
    public void A_request_to_stop_is_never_lost_to_an_interrupt()
    {
        TestNode node = TwoTenants();
        node.Cores[1].Requests = Request.Stop;
        foreach (uint mode in (uint[])[0, 4, 5, 6]) Write(node, 0, (0x11UL << 32) | (mode << 8) | 0x40);
        (node.Cores[1].Requests & Request.Stop).ShouldBe(Request.Stop);
        node.Act(1).ShouldBe(CoreAction.ScrubCore);
    }

    /// <summary>A node of up to 12 cores and 3 partitions in any state, and a value to write.</summary>
    private static readonly Gen<(uint[] Ids, int[] Owners, int[] Modes, uint[] Requests, int Sender, ulong Value)> s_cases =
        from ids in Gen.OneOf(Gen.UInt[0, 64], Gen.UInt[0, 0x1000]).HashSet[2, 12].Select(set => set.ToArray())
        from owners in Gen.Int[0, 3].Array[ids.Length]
        from modes in Gen.Int[0, 2].Array[ids.Length]
        from requests in Gen.UInt[0, 63].Array[ids.Length]
        from sender in Gen.Int[0, ids.Length - 1]
        from low in Gen.UInt
        from high in Gen.OneOf(Gen.UInt, Gen.Const(Broadcast), Gen.OneOf(ids), Gen.Select(Gen.UInt[0, 4], Gen.UInt[0, 0xFFFF], (cluster, mask) => (cluster << 16) | mask))
        select (ids, owners, modes, requests, sender, ((ulong)high << 32) | low);

    [Fact]
    public void The_outcome_is_that_of_the_specification()
    {
        s_cases.Sample(one =>
        {
            TestNode node = Build(one.Ids, one.Owners, one.Modes, one.Requests);
            IcrSpecification expected = IcrSpecification.Of(node, one.Sender, one.Value);
            bool sent = Write(node, one.Sender, one.Value);

            sent.ShouldBe(expected.Reached);
            RecordingHardware.Sent.ShouldBe(expected.Interrupts);
            RecordingHardware.Kicked.ShouldBe(expected.Kicks);
            node.Cores.Select(core => (core.Requests, core.SipiVector)).ShouldBe(expected.After);
        }, iter: 10_000);
    }

    [Fact]
    public void No_write_touches_a_core_of_another_partition()
    {
        s_cases.Sample(one =>
        {
            TestNode node = Build(one.Ids, one.Owners, one.Modes, one.Requests);
            Core[] before = [.. node.Cores];
            ushort own = node.Cores[one.Sender].Partition;
            Write(node, one.Sender, one.Value);
            for (int i = 0; i < before.Length; i++)
            {
                if (before[i].Partition == own) continue;
                node.Cores[i].ShouldBe(before[i]);
                RecordingHardware.Kicked.ShouldNotContain(i);
                RecordingHardware.Sent.Select(sent => sent.ApicId).ShouldNotContain(before[i].ApicId);
            }
        }, iter: 10_000);
    }

    [Fact]
    public void What_the_fast_path_takes_for_a_plain_fixed_interrupt_is_one()
    {
        Gen.Select(Gen.UInt, Gen.OneOf(Gen.UInt, Gen.UInt[0, 64], Gen.Const(Broadcast))).Sample((low, high) =>
        {
            ulong value = ((ulong)high << 32) | low;
            bool plain = ((low >> 8) & 7) == 0 && (low & 0x800) == 0 && (low & 0x8000) == 0 && ((low >> 18) & 3) == 0 && (low & 0xFF) >= 16 && high != Broadcast;
            IcrPolicy.IsPlainFixed(value).ShouldBe(plain);
        }, iter: 100_000);
    }

    [Fact]
    public void The_fast_path_and_the_slow_path_let_the_same_interrupts_through()
    {
        s_cases.Sample(one =>
        {
            TestNode node = Build(one.Ids, one.Owners, one.Modes, one.Requests);
            for (int target = 0; target < node.Cores.Length; target++)
            {
                RecordingHardware.Forget();
                Write(node, one.Sender, ((ulong)node.Cores[target].ApicId << 32) | 0x41);
                IcrPolicy.MayReach(in node.Cores[one.Sender], in node.Cores[target]).ShouldBe(RecordingHardware.Sent.Any());
            }
        }, iter: 10_000);
    }

    private static TestNode Build(uint[] ids, int[] owners, int[] modes, uint[] requests)
    {
        var node = new TestNode(ids);
        for (int i = 0; i < ids.Length; i++)
        {
            node.Cores[i].Partition = owners[i] == 3 ? Machine.Nobody : (ushort)owners[i];
            node.Cores[i].Mode = (CoreMode)modes[i];
            node.Cores[i].Requests = requests[i];
        }
        return node;
    }
}
