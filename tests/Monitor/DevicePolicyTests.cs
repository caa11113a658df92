using Osv.Contracts.ControlDevice;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Tests;

/// <summary>Who gets which PCI function, what its owner sees of it, and what comes of what it does.</summary>
public sealed class DevicePolicyTests
{
    private const ushort Disk = 0x0010, Card = 0x0100, SecondPort = 0x0101, Fixed = 0x0018;

    private static PciFunction Function(ushort address, ushort group, bool assignable = true) =>
        new() { Address = address, Group = group, Partition = Machine.Nobody, IsAssignable = assignable, IsRemapped = true };

    /// <summary>A disk of its own, a card with two ports, and a function that cannot be reset.</summary>
    private static TestNode Node()
    {
        TestNode node = TestNode.Booted();
        node.Functions = [Function(Disk, 2), Function(Fixed, 3, assignable: false), Function(Card, 0x8020), Function(SecondPort, 0x8020)];
        return node;
    }

    private static unsafe ControlRequest Create(uint partition, uint core, params ushort[] functions)
    {
        ControlRequest request = TestNode.Request(partition, [core], TestNode.Extent(0, (5 + partition) * TestNode.Gibibyte, TestNode.Gibibyte));
        request.FunctionCount = (uint)functions.Length;
        for (int i = 0; i < functions.Length && i < ControlLayout.MaxOwnFunctions; i++) request.Functions[i] = functions[i];
        return request;
    }

    private static TestNode WithOwner(params ushort[] functions)
    {
        TestNode node = Node();
        node.Ask(ControlOperation.Create, Create(1, 2, functions)).ShouldBe(ControlStatus.Ok);
        node.Act(1).ShouldBe(CoreAction.ScrubMemory);
        Lifecycle.MemoryIsClean<RecordingHardware>(node.Machine, 1);
        RecordingHardware.Forget();
        return node;
    }

    private static TestNode Running(params ushort[] functions)
    {
        TestNode node = WithOwner(functions);
        node.Ask(ControlOperation.Start, new ControlRequest { Partition = 1, Entry = TestNode.Entry }).ShouldBe(ControlStatus.Ok);
        node.Act(1).ShouldBe(CoreAction.EnterStart);
        return node;
    }

    [Fact]
    public void A_function_belongs_to_one_partition_until_that_is_destroyed()
    {
        TestNode node = WithOwner(Disk);
        node.Functions[0].Partition.ShouldBe((ushort)1);
        node.Ask(ControlOperation.Create, Create(2, 6, Disk), out uint index).ShouldBe(ControlStatus.FunctionNotFree);
        index.ShouldBe(0u);
        node.Ask(ControlOperation.Destroy, new ControlRequest { Partition = 1 }).ShouldBe(ControlStatus.Ok);
        node.Ask(ControlOperation.Create, Create(2, 6, Disk)).ShouldBe(ControlStatus.Ok);
    }

    public static TheoryData<ushort[], ControlStatus, uint> Refusals => new()
    {
        { [0x0999], ControlStatus.UnknownFunction, 0 },
        { [Disk, Disk], ControlStatus.FunctionNotFree, 1 },
        { [Disk, Fixed], ControlStatus.FunctionNotAssignable, 1 },
        { [Disk, Card], ControlStatus.GroupSplit, 1 },
        { new ushort[ControlLayout.MaxOwnFunctions + 1], ControlStatus.BadFunctionCount, 0 },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void What_cannot_be_had_is_refused_by_name_and_nothing_changes(ushort[] functions, ControlStatus status, uint index)
    {
        TestNode node = Node();
        byte[] before = node.Snapshot();
        node.Ask(ControlOperation.Create, Create(1, 2, functions), out uint named).ShouldBe(status);
        named.ShouldBe(index);
        node.Snapshot().ShouldBe(before);
    }

    [Fact]
    public void A_group_goes_as_a_whole()
    {
        TestNode node = Node();
        node.Ask(ControlOperation.Create, Create(1, 2, Card, SecondPort), out uint index).ShouldBe(ControlStatus.Ok);
        index.ShouldBe(0u, "nothing is wrong with any");
        node.Functions.Count(function => function.Partition == 1).ShouldBe(2);
    }

    [Fact]
    public void A_create_that_finds_no_tables_takes_no_function()
    {
        TestNode node = Node();
        RecordingHardware.TablesRunOut = true;
        byte[] before = node.Snapshot();
        node.Ask(ControlOperation.Create, Create(1, 2, Disk)).ShouldBe(ControlStatus.OutOfTables);
        node.Snapshot().ShouldBe(before);
    }

    [Fact]
    public void A_partition_whose_function_could_not_be_reset_is_not_started()
    {
        TestNode node = WithOwner(Disk);
        node.Functions[0].IsAssignable = false;
        byte[] before = node.Snapshot();
        var start = new ControlRequest { Partition = 1, Entry = TestNode.Entry };
        node.Ask(ControlOperation.Start, in start).ShouldBe(ControlStatus.FunctionNotAssignable);
        node.Snapshot().ShouldBe(before);
        RecordingHardware.Calls.ShouldBeEmpty();
        node.Functions[0].IsAssignable = true;
        node.Functions[1].IsAssignable = false;
        node.Ask(ControlOperation.Start, in start).ShouldBe(ControlStatus.Ok, "another's function is in nobody's way");
    }

    [Fact]
    public void A_start_forgets_which_register_the_former_run_looked_at()
    {
        TestNode node = WithOwner(Disk);
        node.Partitions[1].ConfigAddress = 0x8000_1010;
        node.Ask(ControlOperation.Start, new ControlRequest { Partition = 1, Entry = TestNode.Entry }).ShouldBe(ControlStatus.Ok);
        node.Partitions[1].ConfigAddress.ShouldBe(0u);
    }

    [Fact]
    public void Functions_are_the_partitions_when_its_tables_are_made()
    {
        TestNode node = Node();
        ushort owner = Machine.Nobody;
        RecordingHardware.Mapping = () => owner = node.Functions[0].Partition;
        node.Ask(ControlOperation.Create, Create(1, 2, Disk)).ShouldBe(ControlStatus.Ok);
        owner.ShouldBe((ushort)1, "their registers are mapped with its memory");
    }

    [Fact]
    public void Functions_reach_memory_from_start_until_a_stop_begins_and_are_told_of_no_more_when_the_next_can_have_them()
    {
        TestNode node = Running(Disk);
        RecordingHardware.Calls.OfType<Attach>().ShouldBe([new Attach(1)]);
        RecordingHardware.Forget();
        node.Ask(ControlOperation.Stop, new ControlRequest { Partition = 1 }).ShouldBe(ControlStatus.Ok);
        RecordingHardware.Calls.First().ShouldBe(new Detach(1), "its interrupts could keep a core from coming back");
        node.Act(1).ShouldBe(CoreAction.ScrubCore);
        Lifecycle.CoreIsBack<RecordingHardware>(node.Machine, 1);
        node.Act(1).ShouldBe(CoreAction.ScrubMemory);
        RecordingHardware.Forget();
        Lifecycle.MemoryIsClean<RecordingHardware>(node.Machine, 1);
        RecordingHardware.Calls.First().ShouldBe(new TakeEvents(), "what was refused is this owner's, not the next one's");
    }

    [Fact]
    public void A_tenant_sees_a_host_bridge_and_its_own_functions_in_order()
    {
        TestNode node = WithOwner(Disk, Card, SecondPort);
        Seen(node, 1).ShouldBe(["0=HostBridge", "2=Function 0", "3=Function 2", "4=Function 3"]);
        Seen(node, 2).ShouldBeEmpty("a tenant without functions has no PCI");
        Seen(node, 0).ShouldBe(["0=HostBridge", "1=Control"]);
    }

    private static List<string> Seen(TestNode node, int partition)
    {
        var seen = new List<string>();
        for (uint function = 0; function < 0x1_0000; function++)
        {
            node.Partitions[partition].ConfigAddress = 0x8000_0000 | (function << 8) | 0x3C;
            ConfigTarget target = DevicePolicy.Locate(node.Machine, partition, out int index, out int offset);
            if (target == ConfigTarget.Absent) continue;
            (function & 7).ShouldBe(0u);
            offset.ShouldBe(0x3C);
            seen.Add($"{function >> 3}={target}{(index < 0 ? string.Empty : $" {index}")}");
        }
        return seen;
    }

    [Theory]
    [InlineData(0x3C)]
    [InlineData(0x0100_003C)]
    public void Without_the_enable_bit_or_with_extended_registers_nothing_is_there(uint address)
    {
        TestNode node = WithOwner(Disk);
        node.Partitions[1].ConfigAddress = address | (address > 0xFF ? 0x8000_0000 : 0);
        DevicePolicy.Locate(node.Machine, 1, out _, out _).ShouldBe(ConfigTarget.Absent);
    }

    [Theory]
    [InlineData(0xFEE0_2000, 0x41, 2u)]
    [InlineData(0xFEE0_2008, 0x141, 2u)]
    [InlineData(0xFEE0_2000, 0xC041, 2u)]
    public void A_message_to_an_own_core_is_remapped(ulong address, uint data, uint core)
    {
        DevicePolicy.Remap(Running(Disk).Machine, 1, address, data, out ulong low, out ulong high).ShouldBeTrue();
        low.ShouldBe(1 | ((ulong)core << 8), "enabled, fixed, physical");
        high.ShouldBe(0x41ul);
    }

    [Theory]
    [InlineData(0xFEE0_0000, 0x41, "a core of partition 0")]
    [InlineData(0xFEE0_6000, 0x41, "a free core")]
    [InlineData(0xFEEF_F000, 0x41, "all cores")]
    [InlineData(0xFEE0_2FE0, 0x41, "a core that is not there")]
    [InlineData(0xFEE0_2004, 0x41, "a logical destination")]
    [InlineData(0xFEE0_2000, 0x241, "SMI")]
    [InlineData(0xFEE0_2000, 0x441, "NMI")]
    [InlineData(0xFEE0_2000, 0x541, "INIT")]
    [InlineData(0xFEE0_2000, 0x741, "ExtINT")]
    [InlineData(0xFEE0_2000, 0x0F, "a vector that is an exception")]
    [InlineData(0xFED0_2000, 0x41, "another address")]
    [InlineData(0x1_FEE0_2000, 0x41, "an address above 4 GiB")]
    public void Any_other_message_is_delivered_nowhere(ulong address, uint data, string why)
    {
        DevicePolicy.Remap(Running(Disk).Machine, 1, address, data, out ulong low, out ulong high).ShouldBeFalse(why);
        (low | high).ShouldBe(0ul, why);
    }

    /// <summary>Bits 19:12 of the address are the id, 11:5 its bits 14:8 (extended destination id, CPUID 4000_0001h EAX[15]).</summary>
    [Theory]
    [InlineData(0, 0xFEE0_0000)]
    [InlineData(1, 0xFEE0_3000)]
    [InlineData(2, 0xFEE0_5020)]
    [InlineData(3, 0xFEEF_F040)]
    [InlineData(4, 0xFEE0_0FE0)]
    public void A_message_reaches_every_core_of_its_owner_by_its_id(int core, ulong address)
    {
        uint[] ids = [0, 3, 0x105, 0x2FF, 0x7F00];
        var node = new TestNode(ids);
        node.Ask(ControlOperation.Create, TestNode.Request(1, ids, TestNode.Extent(0, 6 * TestNode.Gibibyte, TestNode.Gibibyte))).ShouldBe(ControlStatus.Ok);
        DevicePolicy.Remap(node.Machine, 1, address, 0x41, out ulong low, out ulong high).ShouldBeTrue();
        ((uint)(low >> 8) | (uint)(high >> 56) << 24).ShouldBe(ids[core]);
        DevicePolicy.Remap(node.Machine, 2, address, 0x41, out _, out _).ShouldBeFalse("another partition's");
    }

    [Fact]
    public void The_lowest_vector_of_an_interrupt_is_16()
    {
        DevicePolicy.Remap(Running(Disk).Machine, 1, 0xFEE0_2000, 16, out _, out ulong high).ShouldBeTrue();
        high.ShouldBe(16ul);
    }

    [Fact]
    public void Of_all_messages_only_fixed_ones_to_own_cores_get_through()
    {
        TestNode node = Running(Disk);
        var random = new Random(1);
        for (int i = 0; i < 200_000; i++)
        {
            ulong address = random.Next(2) == 0 ? 0xFEE0_0000 | (ulong)random.Next(1 << 20) : (ulong)random.NextInt64();
            uint data = (uint)random.NextInt64(1L << 32);
            if (!DevicePolicy.Remap(node.Machine, 1, address, data, out ulong low, out ulong high)) continue;
            (low & 0xFF).ShouldBe(1ul);
            ((uint)(low >> 8) | (uint)(high >> 56) << 24).ShouldBe(2u);
            (high & 0xFF).ShouldBeGreaterThanOrEqualTo(16ul);
        }
    }

    [Fact]
    public void A_refused_access_stops_the_tenant_whose_function_made_it_and_is_told_once()
    {
        TestNode node = Running(Disk);
        RecordingHardware.Forget();
        DevicePolicy.Refused<RecordingHardware>(node.Machine, Disk);
        DevicePolicy.Refused<RecordingHardware>(node.Machine, Disk);
        node.Partitions[1].State.ShouldBe(PartitionState.Stopping);
        node.Partitions[1].Cause.ShouldBe(StopCause.DeviceViolation);
        RecordingHardware.Calls.OfType<Report>().ShouldBe([new Report(EventKind.Violation, StopCause.DeviceViolation, 1, 1)]);
    }

    [Theory]
    [InlineData(Card)]
    [InlineData(0x7777)]
    public void A_refused_access_of_nobodys_function_is_told_once_and_stops_nobody(ushort function)
    {
        TestNode node = Running(Disk);
        RecordingHardware.Forget();
        for (int i = 0; i < 3; i++) DevicePolicy.Refused<RecordingHardware>(node.Machine, function);
        RecordingHardware.Calls.ShouldBe([new Report(EventKind.DeviceRefused, StopCause.DeviceViolation, 0, 0)]);
        node.Partitions.Take(2).ShouldAllBe(partition => partition.State == PartitionState.Running);
    }
}
