using Osv.Agent.Node;
using Osv.Agent.Partitions;
using Osv.Contracts.ControlDevice;
using Osv.Contracts.Node;

namespace Osv.Agent.Tests;

/// <summary>PCI functions of tenants, on the monitor's own policy.</summary>
public sealed class DeviceTests : IDisposable
{
    private const uint Nvme = 0x01_0802, Ethernet = 0x02_0000;
    private const string First = "0000:01:00.0", Second = "0000:02:00.0";
    private readonly Bench _bench = new();

    public DeviceTests()
    {
        _bench.Monitor.Plug(0x0010, Ethernet, group: 2, assignable: false);
        _bench.Monitor.Plug(0x0100, Ethernet, group: 8);
        _bench.Monitor.Plug(0x0200, Nvme, group: 9);
        _bench.Monitor.Plug(0x0300, Ethernet, group: 10);
        _bench.Monitor.Plug(0x0301, Ethernet, group: 10);
    }

    public void Dispose() => _bench.Dispose();

    [Fact]
    public void The_inventory_offers_what_a_tenant_can_have_and_names_it_as_firmware_does()
    {
        DesiredPartition wanted = _bench.Tenant("a", 2);
        wanted.PciAddresses.Add(Second);
        _bench.Want(wanted);
        _bench.Settle();
        Inventory inventory = InventoryReader.Read(_bench.Device, "boot", 1 << 20, _bench.Time);
        inventory.Pci.Select(function => (function.Address, function.ClassCode, function.Assignable, function.Partition)).ShouldBe(
        [
            ("0000:00:02.0", Ethernet, false, -1),
            (First, Ethernet, true, -1),
            (Second, Nvme, true, (int)_bench.Seen("a").Partition),
            // They share a group, so that neither can be had alone.
            ("0000:03:00.0", Ethernet, false, -1),
            ("0000:03:00.1", Ethernet, false, -1),
        ]);
        inventory.Pci[2].Vendor.ShouldBe(0x1B36u);
        inventory.Pci[2].Device.ShouldBe(0x0010u);
    }

    [Fact]
    public void A_tenant_owns_the_functions_it_is_given_until_it_is_gone()
    {
        DesiredPartition wanted = _bench.Tenant("a", 2);
        wanted.PciAddresses.Add([First, Second]);
        _bench.Want(wanted);
        _bench.Settle();
        _bench.Seen("a").Phase.ShouldBe(PartitionPhase.Running);
        _bench.Monitor.FunctionsOf((int)_bench.Seen("a").Partition).ShouldBe([(ushort)0x0100, (ushort)0x0200]);

        _bench.Restart();
        _bench.Want(wanted);
        _bench.Settle();
        _bench.Monitor.Operations.Count(operation => operation == ControlOperation.Start).ShouldBe(1, "an agent that starts anew adopts it as it is");

        DesiredPartition less = wanted.Clone();
        less.PciAddresses.RemoveAt(0);
        _bench.Want(less);
        _bench.Settle();
        _bench.Seen("a").Phase.ShouldBe(PartitionPhase.Running);
        _bench.Monitor.FunctionsOf((int)_bench.Seen("a").Partition).ShouldBe([(ushort)0x0200]);

        _bench.Want();
        _bench.Settle();
        _bench.Monitor.Existing.ShouldBe(0);
        _bench.Monitor.FunctionsOf(0xFFFF).Length.ShouldBe(5);
    }

    [Fact]
    public void Two_tenants_never_own_one_function_and_the_second_is_told_why()
    {
        DesiredPartition one = _bench.Tenant("a", 2), two = _bench.Tenant("b", 3);
        one.PciAddresses.Add(First);
        two.PciAddresses.Add(First);
        _bench.Want(one, two);
        _bench.Settle();
        _bench.Seen("a").Phase.ShouldBe(PartitionPhase.Running);
        ObservedPartition refused = _bench.Seen("b");
        refused.Phase.ShouldBe(PartitionPhase.Refused);
        refused.Reason.ShouldContain(nameof(ControlStatus.FunctionNotFree));
        refused.Partition.ShouldBe(0u);
    }

    [Theory]
    [InlineData("01:00.0")]
    [InlineData("0001:01:00.0")]
    [InlineData("0000:01:20.0")]
    [InlineData("0000:01:00.8")]
    [InlineData("0000:0g:00.0")]
    public void What_is_no_address_is_refused_by_name(string address)
    {
        DesiredPartition wanted = _bench.Tenant("a", 2);
        wanted.PciAddresses.Add(address);
        _bench.Want(wanted);
        _bench.Settle();
        _bench.Seen("a").Phase.ShouldBe(PartitionPhase.Refused);
        _bench.Seen("a").Reason.ShouldContain($"'{address}'");
        _bench.Monitor.Existing.ShouldBe(0);
    }

    [Fact]
    public void Addresses_are_written_as_they_are_read()
    {
        foreach (ushort function in (ushort[])[0, 0x0010, 0xC1FF, 0xFFFF]) PciAddress.Parse(PciAddress.Format(function)).ShouldBe(function);
        PciAddress.Format(0xC10A).ShouldBe("0000:c1:01.2");
    }

    private DesiredPartition WithDirtyDisk()
    {
        DesiredPartition wanted = _bench.Tenant("a", 2);
        wanted.PciAddresses.Add([Second, First]);
        wanted.Erase.Add(Second);
        wanted.Eraser = new Image { Name = "eraser", Kernel = _bench.Kernel, CommandLine = "console=ttyS0" };
        return wanted;
    }

    private string CommandLine => System.Text.Encoding.ASCII.GetString(_bench.Monitor.Loaded(Osv.Contracts.BootInterface.GuestMap.CommandLine, 40)).Split('\0')[0];

    [Fact]
    public void A_disk_that_somebody_else_had_is_erased_and_told_before_the_tenants_first_start()
    {
        DesiredPartition wanted = WithDirtyDisk();
        _bench.Want(wanted);
        _bench.Settle();
        int partition = (int)_bench.Seen("a").Partition;
        _bench.Seen("a").Phase.ShouldBe(PartitionPhase.Loading);
        _bench.Seen("a").Reason.ShouldStartWith("erases 1 disk");
        CommandLine.ShouldBe("console=ttyS0 osv.erase=0000:00:03.0", "its second function, as its Linux sees it");
        _bench.Seen("a").Erased.ShouldBeEmpty();

        _bench.Monitor.End(partition, StopCause.PowerOff);
        _bench.Settle();
        _bench.Seen("a").Erased.ShouldBe([Second]);
        _bench.Seen("a").Phase.ShouldBe(PartitionPhase.Loading, "the control plane has not noted it");
        _bench.Monitor.StateOf(partition).ShouldBe(PartitionState.Stopped);

        DesiredPartition noted = wanted.Clone();
        noted.Erase.Clear();
        _bench.Want(noted);
        _bench.Settle();
        _bench.Seen("a").Phase.ShouldBe(PartitionPhase.Running);
        _bench.Seen("a").Restarts.ShouldBe(0u);
        CommandLine.ShouldBe("console=ttyS0");
    }

    [Theory]
    [InlineData(StopCause.Reset)]
    [InlineData(StopCause.TripleFault)]
    [InlineData(StopCause.DeviceViolation)]
    public void An_erasure_that_ends_in_another_way_has_erased_nothing_and_is_tried_again(StopCause cause)
    {
        _bench.Want(WithDirtyDisk());
        _bench.Settle();
        int partition = (int)_bench.Seen("a").Partition;
        _bench.Monitor.End(partition, cause);
        _bench.Settle();
        _bench.Seen("a").Phase.ShouldBe(PartitionPhase.Refused);
        _bench.Seen("a").Reason.ShouldContain(cause.ToString());
        _bench.Seen("a").Erased.ShouldBeEmpty();

        _bench.Time.Advance(TimeSpan.FromSeconds(31));
        _bench.Settle();
        _bench.Monitor.StateOf(partition).ShouldBe(PartitionState.Running, "it erases again");
        _bench.Seen("a").Phase.ShouldBe(PartitionPhase.Loading);
    }

    [Fact]
    public void An_agent_killed_before_the_eraser_starts_does_not_take_its_disks_for_erased()
    {
        DesiredPartition wanted = WithDirtyDisk();
        _bench.Want(wanted);
        _bench.Settle();
        int partition = (int)_bench.Seen("a").Partition;
        // A first erasure ends well; the second disk's is announced and never begun.
        _bench.Monitor.End(partition, StopCause.PowerOff);
        _bench.Settle();
        _bench.Monitor.Before = operation =>
        {
            if (operation == ControlOperation.Load) throw new OperationCanceledException("killed");
        };
        wanted.Erase.Clear();
        wanted.Erase.Add(First);
        _bench.Want(wanted);
        Should.Throw<OperationCanceledException>(_bench.Settle);
        _bench.Monitor.Before = null;
        _bench.Restart();
        _bench.Want(wanted);
        _bench.Settle();
        _bench.Notes.Partitions().Single().Erased.ShouldBe([Second]);
        _bench.Time.Advance(TimeSpan.FromSeconds(31));
        _bench.Settle();
        _bench.Notes.Partitions().Single().Erased.ShouldBe([Second]);
        _bench.Seen("a").Erased.ShouldBeEmpty("what is not asked for is not told");
        CommandLine.ShouldBe("console=ttyS0 osv.erase=0000:00:02.0");
        _bench.Monitor.StateOf(partition).ShouldBe(PartitionState.Running);
    }
}
