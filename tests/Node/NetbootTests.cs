[assembly: CollectionBehavior(DisableTestParallelization = true)]
[assembly: AssemblyFixture(typeof(Osv.Node.Tests.NodeFixture))]

namespace Osv.Node.Tests;

public sealed class NetbootTests(NodeFixture fixture)
{
    [Fact]
    public async Task A_machine_boots_from_the_network_enrols_and_runs_a_tenant()
    {
        await using Rack rack = await Rack.StartAsync(fixture, "boots");
        rack.Plane.Registry.Stages.ShouldBe(["script", "monitor", "payload", "loaded", "agent"]);
        rack.Node.Inventory!.Cores.Count.ShouldBe(4);
        rack.Node.Inventory.Pci.ShouldContain(function => function.ClassCode == 0x020000 && function.Driver == "virtio-pci");

        rack.Node.Want(rack.Tenant("t1", 2, 3));
        await rack.UntilSaysAsync("t1", "osv-busybox: t1-host is up on 2 cores");
        await rack.AnswersAsync("t1");
        rack.Node.Partition("t1")!.Phase.ShouldBe(Osv.Contracts.Node.PartitionPhase.Running);
        rack.Node.Faults.ShouldBeEmpty();

        await rack.Machine.TypeAsync(string.Empty);
        string status = await rack.ManagementAsync("osv-agent status");
        status.ShouldContain("connected since");
        status.ShouldContain("Running");
        rack.Node.Heartbeat!.ResidentBytes.ShouldBeLessThan(64UL << 20);
    }
}
