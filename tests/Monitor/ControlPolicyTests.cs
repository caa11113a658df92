using CsCheck;
using Osv.Contracts.ControlDevice;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Tests;

public sealed class ControlPolicyTests
{
    private const ulong Page = TestNode.Page, Gibibyte = TestNode.Gibibyte;

    private static readonly MemoryExtent s_free = TestNode.Extent(0, 8 * Gibibyte, Page);

    [Fact]
    public void A_partition_is_created_dirty_and_its_boot_core_clears_it()
    {
        TestNode node = TestNode.Booted();
        ControlRequest request = TestNode.Request(2, [6, 4, 8], s_free, TestNode.Extent(4 * Gibibyte, 9 * Gibibyte, Gibibyte));
        node.Ask(ControlOperation.Create, in request, out uint index).ShouldBe(ControlStatus.Ok);
        index.ShouldBe(0u);
        RecordingHardware.Calls.ShouldBe([new Map(2), new Kick(3)]);
        Partition made = node.Partitions[2];
        (made.State, made.BootCore, made.CoreCount, made.ExtentCount, made.Dirty).ShouldBe((PartitionState.Scrubbing, (ushort)3, (ushort)3, (ushort)2, true));
        node.Cores.Select(core => core.Partition).ShouldBe([0, Machine.Nobody, 2, 2, 2, Machine.Nobody]);
        node.Machine.Extent(2, 1).ShouldBe(TestNode.Extent(4 * Gibibyte, 9 * Gibibyte, Gibibyte));
        node.Act(3).ShouldBe(CoreAction.ScrubMemory);
    }

    /// <summary>Each way in which a Create can be wrong: what is asked, what it is called, and which core or extent is named.</summary>
    private static IEnumerable<(string Name, ControlRequest Request, ControlStatus Status, uint Index)> FlawedCreates()
    {
        uint[] cores = [6];
        MemoryExtent At(ulong guest, ulong host, ulong bytes) => TestNode.Extent(guest, host, bytes);
        yield return ("no such partition", TestNode.Request(4, cores, s_free), ControlStatus.BadPartition, 0);
        yield return ("no such partition by far", TestNode.Request(uint.MaxValue, cores, s_free), ControlStatus.BadPartition, 0);
        yield return ("partition 0", TestNode.Request(0, cores, s_free), ControlStatus.ManagementIsFixed, 0);
        yield return ("a partition that exists", TestNode.Request(1, cores, s_free), ControlStatus.WrongState, 0);
        yield return ("no cores", TestNode.Request(2, [], s_free), ControlStatus.BadCoreCount, 0);
        yield return ("more cores than there are", TestNode.Request(2, [6, 8, 10, 12, 14, 16, 18], s_free), ControlStatus.BadCoreCount, 0);
        yield return ("a number of cores beyond the table", TestNode.Request(2, cores, s_free) with { CoreCount = 513 }, ControlStatus.BadCoreCount, 0);
        yield return ("an unknown core", TestNode.Request(2, [6, 7], s_free), ControlStatus.UnknownCore, 1);
        yield return ("a core of a tenant", TestNode.Request(2, [6, 4], s_free), ControlStatus.CoreNotFree, 1);
        yield return ("a core of partition 0", TestNode.Request(2, [0], s_free), ControlStatus.CoreNotFree, 0);
        yield return ("a core named twice", TestNode.Request(2, [6, 8, 6], s_free), ControlStatus.DuplicateCore, 2);
        yield return ("no memory", TestNode.Request(2, cores), ControlStatus.BadExtentCount, 0);
        yield return ("too many extents", TestNode.Request(2, cores, s_free) with { ExtentCount = ControlLayout.MaxExtents + 1 }, ControlStatus.BadExtentCount, 0);
        yield return ("an extent that is not aligned", TestNode.Request(2, cores, s_free, At(Page, 9 * Gibibyte + 0x1000, Page)), ControlStatus.BadExtent, 1);
        yield return ("an extent of no bytes", TestNode.Request(2, cores, At(0, 8 * Gibibyte, 0)), ControlStatus.BadExtent, 0);
        yield return ("an extent in the device hole", TestNode.Request(2, cores, At(3 * Gibibyte, 8 * Gibibyte, Page)), ControlStatus.BadExtent, 0);
        yield return ("an extent that wraps around", TestNode.Request(2, cores, At(0, ulong.MaxValue - Page + 1, 2 * Page)), ControlStatus.BadExtent, 0);
        yield return ("memory that there is not", TestNode.Request(2, cores, At(0, 12 * Gibibyte, Page)), ControlStatus.MemoryNotFree, 0);
        yield return ("memory that ends too early", TestNode.Request(2, cores, At(0, 12 * Gibibyte - Page, 2 * Page)), ControlStatus.MemoryNotFree, 0);
        yield return ("memory of a tenant", TestNode.Request(2, cores, s_free, At(Page, 7 * Gibibyte - Page, 2 * Page)), ControlStatus.MemoryNotFree, 1);
        yield return ("memory that begins below a tenant's and runs into it", TestNode.Request(2, cores, s_free, At(Page, 6 * Gibibyte - Page, 2 * Page)), ControlStatus.MemoryNotFree, 1);
        yield return ("memory with all of a tenant's inside", TestNode.Request(2, cores, s_free, At(Page, 6 * Gibibyte - Page, Gibibyte + 2 * Page)), ControlStatus.MemoryNotFree, 1);
        yield return ("memory inside a tenant's", TestNode.Request(2, cores, s_free, At(Page, 6 * Gibibyte + Page, Page)), ControlStatus.MemoryNotFree, 1);
        yield return ("all memory of a tenant", TestNode.Request(2, cores, s_free, At(4 * Gibibyte, 6 * Gibibyte, Gibibyte)), ControlStatus.MemoryNotFree, 1);
        yield return ("memory of partition 0", TestNode.Request(2, cores, At(0, 5 * Gibibyte - Page, Page)), ControlStatus.MemoryNotFree, 0);
        yield return ("the same memory twice", TestNode.Request(2, cores, s_free, At(Page, 8 * Gibibyte, Page)), ControlStatus.MemoryNotFree, 1);
        yield return ("memory that begins below an extent of its own and runs into it", TestNode.Request(2, cores, At(0, 8 * Gibibyte, Page), At(Page, 8 * Gibibyte - Page, 2 * Page)), ControlStatus.MemoryNotFree, 1);
        yield return ("guest addresses that begin below others and run into them", TestNode.Request(2, cores, At(Page, 8 * Gibibyte, Page), At(0, 9 * Gibibyte, 2 * Page)), ControlStatus.GuestOverlap, 1);
        yield return ("the same guest addresses twice", TestNode.Request(2, cores, At(0, 8 * Gibibyte, 2 * Page), At(Page, 9 * Gibibyte, Page)), ControlStatus.GuestOverlap, 1);
    }

    public static TheoryData<string> Flaws => [.. FlawedCreates().Select(flaw => flaw.Name)];

    [Theory]
    [MemberData(nameof(Flaws))]
    public void A_flawed_create_is_refused_and_changes_nothing(string name)
    {
        (_, ControlRequest request, ControlStatus status, uint index) = FlawedCreates().Single(flaw => flaw.Name == name);
        TestNode node = TestNode.WithTenant();
        byte[] before = node.Snapshot();
        node.Ask(ControlOperation.Create, in request, out uint named).ShouldBe(status);
        named.ShouldBe(index);
        node.Snapshot().ShouldBe(before);
        RecordingHardware.Calls.ShouldBeEmpty();
    }

    [Fact]
    public void As_many_cores_as_the_request_can_name_may_be_had()
    {
        uint[] all = [.. Enumerable.Range(0, ControlLayout.MaxCores).Select(i => (uint)i)];
        var node = new TestNode(all);
        node.Ask(ControlOperation.Create, TestNode.Request(1, all, s_free)).ShouldBe(ControlStatus.Ok);
        node.Partitions[1].CoreCount.ShouldBe((ushort)ControlLayout.MaxCores);
    }

    /// <summary>Memory of tenant 1 is from 6 to 7 GiB. An end is not part of an extent, on either side.</summary>
    [Theory]
    [InlineData(6 * Gibibyte - Page, Page)]
    [InlineData(5 * Gibibyte, Gibibyte)]
    [InlineData(7 * Gibibyte, Page)]
    [InlineData(7 * Gibibyte, Gibibyte)]
    public void Memory_that_ends_where_a_tenants_begins_or_begins_where_it_ends_is_free(ulong host, ulong bytes)
    {
        TestNode node = TestNode.WithTenant();
        node.Ask(ControlOperation.Create, TestNode.Request(2, [6], TestNode.Extent(0, host, bytes))).ShouldBe(ControlStatus.Ok);
        node.Machine.Extent(2, 0).ShouldBe(TestNode.Extent(0, host, bytes));
    }

    /// <summary>Whoever owns it, the first partition or the last.</summary>
    [Fact]
    public void Memory_of_any_other_partition_is_not_free()
    {
        for (uint owner = 1; owner < TestNode.Booted().Partitions.Length; owner++)
        {
            TestNode node = TestNode.Booted();
            node.Ask(ControlOperation.Create, TestNode.Request(owner, [6], TestNode.Extent(0, 8 * Gibibyte, Gibibyte))).ShouldBe(ControlStatus.Ok);
            uint other = owner == 1 ? 2u : 1;
            node.Ask(ControlOperation.Create, TestNode.Request(other, [8], TestNode.Extent(0, 9 * Gibibyte - Page, Page))).ShouldBe(ControlStatus.MemoryNotFree, $"it is partition {owner}'s");
        }
    }

    [Fact]
    public void Extents_of_one_request_may_touch_in_any_order()
    {
        TestNode node = TestNode.WithTenant();
        node.Ask(ControlOperation.Create, TestNode.Request(2, [6],
            TestNode.Extent(2 * Page, 8 * Gibibyte, Page), TestNode.Extent(0, 8 * Gibibyte - 2 * Page, 2 * Page), TestNode.Extent(3 * Page, 8 * Gibibyte + Page, Page))).ShouldBe(ControlStatus.Ok);
    }

    [Fact]
    public void Running_out_of_tables_leaves_nothing_behind()
    {
        TestNode node = TestNode.WithTenant();
        byte[] before = node.Snapshot();
        RecordingHardware.TablesRunOut = true;
        node.Ask(ControlOperation.Create, TestNode.Request(2, [6], s_free)).ShouldBe(ControlStatus.OutOfTables);
        node.Snapshot().ShouldBe(before);
        RecordingHardware.Calls.ShouldBeEmpty();
        RecordingHardware.TablesRunOut = false;
        node.Ask(ControlOperation.Create, TestNode.Request(2, [6], s_free)).ShouldBe(ControlStatus.Ok);
    }

    [Theory]
    [InlineData(new uint[] { 0x10 }, ControlStatus.SiblingsSplit)]
    [InlineData(new uint[] { 0x11 }, ControlStatus.SiblingsSplit)]
    [InlineData(new uint[] { 0x12 }, ControlStatus.SiblingsSplit)]
    [InlineData(new uint[] { 0x10, 0x12 }, ControlStatus.SiblingsSplit)]
    [InlineData(new uint[] { 0x11, 0x10 }, ControlStatus.Ok)]
    public void Sibling_threads_go_together(uint[] cores, ControlStatus expected)
    {
        var node = new TestNode([0x10, 0x11, 0x12, 0x13], [7, 7, 8, 8]);
        byte[] before = node.Snapshot();
        node.Ask(ControlOperation.Create, TestNode.Request(1, cores, s_free)).ShouldBe(expected);
        if (expected == ControlStatus.Ok) node.Partitions[1].BootCore.ShouldBe((ushort)1);
        else node.Snapshot().ShouldBe(before);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(9)]
    [InlineData(uint.MaxValue)]
    public void An_unknown_operation_is_refused(uint operation)
    {
        TestNode node = TestNode.WithTenant();
        node.Ask((ControlOperation)operation, default).ShouldBe(ControlStatus.UnknownOperation);
        node.Ask((ControlOperation)operation, new ControlRequest { Partition = uint.MaxValue }).ShouldBe(ControlStatus.UnknownOperation, "whatever partition it names");
        RecordingHardware.Calls.ShouldBeEmpty();
    }

    [Fact]
    public void Topology_asks_nothing_of_anybody()
    {
        TestNode node = TestNode.WithTenant();
        byte[] before = node.Snapshot();
        foreach (uint partition in (uint[])[0, 1, 3, uint.MaxValue]) node.Ask(ControlOperation.Topology, new ControlRequest { Partition = partition }).ShouldBe(ControlStatus.Ok);
        node.Snapshot().ShouldBe(before);
        RecordingHardware.Calls.ShouldBeEmpty();
    }

    [Fact]
    public void The_window_opens_on_a_stopped_partition_only_and_moves_by_gibibytes()
    {
        TestNode node = TestNode.WithTenant();
        ControlRequest open = new() { Partition = 1, Argument = 1 };
        node.Ask(ControlOperation.Load, in open).ShouldBe(ControlStatus.Ok);
        node.Window.ShouldBe((ushort)1);
        node.Ask(ControlOperation.Load, open with { WindowAddress = 4 * Gibibyte }).ShouldBe(ControlStatus.Ok);
        RecordingHardware.Calls.ShouldBe([new OpenWindow(1, 0), new CloseWindow(), new OpenWindow(1, 4 * Gibibyte)]);
        node.Ask(ControlOperation.Load, new ControlRequest { Partition = 1 }).ShouldBe(ControlStatus.Ok);
        node.Window.ShouldBe(Machine.Nobody);
    }

    [Fact]
    public void A_start_closes_the_window_first()
    {
        TestNode node = TestNode.WithTenant();
        node.Ask(ControlOperation.Load, new ControlRequest { Partition = 1, Argument = 1 }).ShouldBe(ControlStatus.Ok);
        RecordingHardware.Forget();
        node.Ask(ControlOperation.Start, new ControlRequest { Partition = 1, Entry = TestNode.Entry }).ShouldBe(ControlStatus.Ok);
        RecordingHardware.Calls.First().ShouldBeOfType<CloseWindow>();
        node.Window.ShouldBe(Machine.Nobody);
        node.Ask(ControlOperation.Load, new ControlRequest { Partition = 1, Argument = 1 }).ShouldBe(ControlStatus.WrongState);
    }

    [Fact]
    public void A_destroy_closes_the_window_gives_cores_and_memory_back_and_forgets_the_partition()
    {
        TestNode node = TestNode.WithTenant();
        node.Ask(ControlOperation.Load, new ControlRequest { Partition = 1, Argument = 1 }).ShouldBe(ControlStatus.Ok);
        RecordingHardware.Forget();
        node.Ask(ControlOperation.Destroy, new ControlRequest { Partition = 1 }).ShouldBe(ControlStatus.Ok);
        RecordingHardware.Calls.ShouldBe([new CloseWindow(), new Unmap(1)]);
        node.Partitions[1].ShouldBe(default);
        node.Cores.ShouldNotContain(core => core.Partition == 1);
        node.Ask(ControlOperation.Create, TestNode.Request(3, [4], TestNode.Extent(0, 6 * Gibibyte, Gibibyte))).ShouldBe(ControlStatus.Ok);
        node.Partitions[3].State.ShouldBe(PartitionState.Scrubbing, "its memory may have been loaded for the one before");
    }

    [Fact]
    public void A_probe_asks_every_core_of_a_running_partition()
    {
        TestNode node = TestNode.WithRunningTenant();
        node.Ask(ControlOperation.Probe, new ControlRequest { Partition = 1 }).ShouldBe(ControlStatus.Ok);
        RecordingHardware.Calls.ShouldBe([new Kick(1), new Kick(2)]);
        node.Cores.Select(core => core.Requests).ShouldBe([0u, Request.Probe, Request.Probe, 0, 0, 0]);
        node.Act(1).ShouldBe(CoreAction.Resume);
        node.Ask(ControlOperation.Probe, new ControlRequest { Partition = 0 }).ShouldBe(ControlStatus.Ok);
    }

    [Fact]
    public void Console_input_is_for_a_running_tenant()
    {
        TestNode node = TestNode.WithRunningTenant();
        node.Ask(ControlOperation.Console, new ControlRequest { Partition = 1 }).ShouldBe(ControlStatus.Ok);
        RecordingHardware.Calls.ShouldBe([new ConsoleInput(1)]);
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, true)]
    public void Stopping_partition_0_stops_the_node(uint argument, bool off)
    {
        TestNode node = TestNode.WithRunningTenant();
        node.Ask(ControlOperation.Stop, new ControlRequest { Argument = argument }).ShouldBe(ControlStatus.Ok);
        RecordingHardware.Calls.ShouldBe([new PowerNode(off)]);
        node.Partitions[0].State.ShouldBe(PartitionState.Running);
    }

    private static (ControlOperation Operation, ControlRequest Request, ControlStatus Status)[] RefusedWhileTenantRuns() =>
    [
        (ControlOperation.Load, new() { Partition = 9, Argument = 1 }, ControlStatus.BadPartition),
        (ControlOperation.Load, new() { Partition = 0, Argument = 1 }, ControlStatus.ManagementIsFixed),
        (ControlOperation.Load, new() { Partition = 1, Argument = 2 }, ControlStatus.BadArgument),
        (ControlOperation.Load, new() { Partition = 1, Argument = 1 }, ControlStatus.WrongState),
        (ControlOperation.Load, new() { Partition = 1, Argument = 0 }, ControlStatus.WrongState),
        (ControlOperation.Load, new() { Partition = 3, Argument = 1 }, ControlStatus.WrongState),
        (ControlOperation.Start, new() { Partition = 9 }, ControlStatus.BadPartition),
        (ControlOperation.Start, new() { Partition = 0 }, ControlStatus.ManagementIsFixed),
        (ControlOperation.Start, new() { Partition = 1, Entry = TestNode.Entry }, ControlStatus.WrongState),
        (ControlOperation.Start, new() { Partition = 3, Entry = TestNode.Entry }, ControlStatus.WrongState),
        (ControlOperation.Stop, new() { Partition = 9 }, ControlStatus.BadPartition),
        (ControlOperation.Stop, new() { Partition = 3 }, ControlStatus.WrongState),
        (ControlOperation.Stop, new() { Partition = 0 }, ControlStatus.BadArgument),
        (ControlOperation.Stop, new() { Partition = 0, Argument = 3 }, ControlStatus.BadArgument),
        (ControlOperation.Destroy, new() { Partition = 9 }, ControlStatus.BadPartition),
        (ControlOperation.Destroy, new() { Partition = 0 }, ControlStatus.ManagementIsFixed),
        (ControlOperation.Destroy, new() { Partition = 1 }, ControlStatus.WrongState),
        (ControlOperation.Destroy, new() { Partition = 3 }, ControlStatus.WrongState),
        (ControlOperation.Probe, new() { Partition = 9 }, ControlStatus.BadPartition),
        (ControlOperation.Probe, new() { Partition = 3 }, ControlStatus.WrongState),
        (ControlOperation.Console, new() { Partition = 9 }, ControlStatus.BadPartition),
        (ControlOperation.Console, new() { Partition = 0 }, ControlStatus.ManagementIsFixed),
        (ControlOperation.Console, new() { Partition = 3 }, ControlStatus.WrongState),
    ];

    [Fact]
    public void Each_operation_refuses_partitions_states_and_arguments_that_it_is_not_for()
    {
        TestNode node = TestNode.WithRunningTenant();
        byte[] before = node.Snapshot();
        foreach ((ControlOperation operation, ControlRequest request, ControlStatus status) in RefusedWhileTenantRuns())
        {
            node.Ask(operation, in request).ShouldBe(status, $"{operation} of partition {request.Partition}, argument {request.Argument}");
        }
        node.Snapshot().ShouldBe(before);
        RecordingHardware.Calls.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(4096)]
    [InlineData(512L << 30)]
    public void A_window_off_its_grid_or_beyond_guest_memory_is_refused_and_the_open_one_stays(ulong address)
    {
        TestNode node = TestNode.WithTenant();
        node.Ask(ControlOperation.Load, new ControlRequest { Partition = 1, Argument = 1 }).ShouldBe(ControlStatus.Ok);
        RecordingHardware.Forget();
        node.Ask(ControlOperation.Load, new ControlRequest { Partition = 1, Argument = 1, WindowAddress = address }).ShouldBe(ControlStatus.BadWindow);
        node.Window.ShouldBe((ushort)1);
        RecordingHardware.Calls.ShouldBeEmpty();
    }

    [Fact]
    public void As_many_extents_as_there_are_slots_can_be_had()
    {
        TestNode node = TestNode.WithTenant();
        MemoryExtent[] extents = [.. Enumerable.Range(0, ControlLayout.MaxExtents).Select(i => TestNode.Extent((ulong)i * Page, 8 * Gibibyte + (ulong)i * 2 * Page, Page))];
        node.Ask(ControlOperation.Create, TestNode.Request(2, [6], extents)).ShouldBe(ControlStatus.Ok);
        node.Partitions[2].ExtentCount.ShouldBe((ushort)ControlLayout.MaxExtents);
    }

    [Fact]
    public void Of_two_things_that_are_wrong_the_state_is_told_first()
    {
        TestNode node = TestNode.WithRunningTenant();
        node.Ask(ControlOperation.Load, new ControlRequest { Partition = 1, Argument = 1, WindowAddress = 4096 }).ShouldBe(ControlStatus.WrongState);
        node.Ask(ControlOperation.Start, new ControlRequest { Partition = 1 }).ShouldBe(ControlStatus.WrongState);
        node.Ask(ControlOperation.Create, TestNode.Request(1, [99])).ShouldBe(ControlStatus.WrongState);
    }

    [Fact]
    public void A_start_at_a_bad_entry_is_refused_and_the_window_stays()
    {
        TestNode node = TestNode.WithTenant();
        node.Ask(ControlOperation.Load, new ControlRequest { Partition = 1, Argument = 1 }).ShouldBe(ControlStatus.Ok);
        RecordingHardware.Forget();
        byte[] before = node.Snapshot();
        node.Ask(ControlOperation.Start, new ControlRequest { Partition = 1, Entry = TestNode.Entry with { Cr3 = 1 } }).ShouldBe(ControlStatus.BadEntry);
        node.Snapshot().ShouldBe(before);
        RecordingHardware.Calls.ShouldBeEmpty();
    }

    /// <summary>A request in which every field is likely to be right, nearly right, or anything.</summary>
    private static readonly Gen<(uint Operation, ControlRequest Request)> s_requests =
        from operation in Gen.OneOf(Gen.UInt[0, 9], Gen.UInt)
        from partition in Gen.OneOf(Gen.UInt[0, 4], Gen.UInt)
        from argument in Gen.OneOf(Gen.UInt[0, 3], Gen.UInt)
        from window in Gen.OneOf(Gen.ULong[0, 8].Select(gibibytes => gibibytes * Gibibyte), Gen.ULong)
        from cores in Gen.OneOf(Gen.UInt[0, 7].Select(half => half * 2), Gen.UInt[0, 12]).Array[0, 5]
        from extents in Gen.Select(
            Gen.OneOf(Gen.ULong[0, 8].Select(page => page * Page), Gen.ULong),
            Gen.OneOf(Gen.ULong[0, 20].Select(half => 3 * Gibibyte + half * Gibibyte / 2), Gen.ULong),
            Gen.OneOf(Gen.OneOf(Page, 2 * Page, Gibibyte, 0ul), Gen.ULong),
            (guest, host, bytes) => TestNode.Extent(guest, host, bytes)).Array[0, 3]
        from counts in Gen.Select(Gen.Frequency((9, Gen.Const(0u)), (1, Gen.UInt)), Gen.Frequency((9, Gen.Const(0u)), (1, Gen.UInt)))
        from goodEntry in Gen.Bool
        let made = TestNode.Request(partition, cores, extents)
        select (operation, made with
        {
            Argument = argument,
            WindowAddress = window,
            CoreCount = counts.Item1 == 0 ? made.CoreCount : counts.Item1,
            ExtentCount = counts.Item2 == 0 ? made.ExtentCount : counts.Item2,
            Entry = goodEntry ? TestNode.Entry : default,
        });

    [Fact]
    public void A_refused_operation_changes_nothing_and_an_accepted_one_leaves_every_core_and_page_one_owner()
    {
        Gen.Select(s_requests.Array[1, 25], Gen.Int[0, 5].Array[25], Gen.Bool.Array[25]).Sample((requests, cores, outOfTables) =>
        {
            TestNode node = TestNode.Booted();
            for (int i = 0; i < requests.Length; i++)
            {
                RecordingHardware.Forget();
                RecordingHardware.TablesRunOut = outOfTables[i] && i % 4 == 0;
                byte[] before = node.Snapshot();
                ControlStatus status = node.Ask((ControlOperation)requests[i].Operation, in requests[i].Request);
                if (status != ControlStatus.Ok)
                {
                    node.Snapshot().ShouldBe(before, status.ToString());
                    RecordingHardware.Calls.ShouldBeEmpty();
                }
                Settle(node, cores[i]);
                CheckOwners(node);
            }
        }, iter: 1_000);
    }

    /// <summary>Lets a core take a step, as its kick would make it.</summary>
    private static void Settle(TestNode node, int core)
    {
        CoreAction action = node.Act(core);
        if (action == CoreAction.ScrubCore) Lifecycle.CoreIsBack<RecordingHardware>(node.Machine, core);
        if (action == CoreAction.ScrubMemory) Lifecycle.MemoryIsClean<RecordingHardware>(node.Machine, node.Cores[core].Partition);
    }

    private static void CheckOwners(TestNode node)
    {
        var taken = new List<(ulong Start, ulong End)>();
        for (int p = 0; p < node.Partitions.Length; p++)
        {
            bool absent = node.Partitions[p].State == PartitionState.Absent;
            node.Cores.Count(core => core.Partition == p).ShouldBe(absent ? 0 : node.Partitions[p].CoreCount);
            for (int i = 0; i < node.Partitions[p].ExtentCount; i++)
            {
                MemoryExtent extent = node.Machine.Extent(p, i);
                taken.ShouldNotContain(other => extent.HostAddress < other.End && other.Start < extent.HostAddress + extent.Bytes);
                taken.Add((extent.HostAddress, extent.HostAddress + extent.Bytes));
                extent.HostAddress.ShouldBeGreaterThanOrEqualTo(4 * Gibibyte);
                (extent.HostAddress + extent.Bytes).ShouldBeLessThanOrEqualTo(12 * Gibibyte);
            }
        }
        if (node.Window != Machine.Nobody) node.Partitions[node.Window].State.ShouldBe(PartitionState.Stopped);
    }
}
