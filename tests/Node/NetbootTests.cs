using Osv.Images;

[assembly: CollectionBehavior(DisableTestParallelization = true)]
[assembly: AssemblyFixture(typeof(Osv.Node.Tests.NodeFixture))]

namespace Osv.Node.Tests;

public sealed class NetbootTests(NodeFixture fixture)
{
    /// <summary>The image for emulated machines, and the one for real ones with a card that those have.</summary>
    [Theory]
    [InlineData(NodeArtifacts.CloudKernel, "virtio-net-pci,disable-legacy=on")]
    [InlineData(NodeArtifacts.GenericKernel, "e1000e")]
    public async Task A_machine_boots_from_the_network_enrols_and_runs_a_tenant(string kernel, string card)
    {
        byte[] payload = await NodeFixture.PayloadAsync(kernel);
        await using Rack rack = await Rack.StartAsync(fixture, $"boots-{kernel}", payload: payload, device: card);
        rack.Plane.Registry.Stages.ShouldBe(["script", "monitor", "payload", "loaded", "agent"]);
        rack.Node.Inventory!.Cores.Count.ShouldBe(4);
        rack.Node.Inventory.Pci.ShouldContain(function => function.ClassCode == 0x020000 && function.Partition == 0 && !function.Assignable, "its card is the management partition's, and without an IOMMU nobody else's");

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
