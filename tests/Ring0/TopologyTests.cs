namespace Osv.Ring0.Tests;

/// <summary>Partitions of every shape.</summary>
public sealed class TopologyTests
{
    [Fact]
    public async Task Eight_stock_kernels_run_at_once_on_a_node_of_nine_cores()
    {
        string serial = await EmulatedNode.RunAsync("eight", NodeShape.Direct(NodeImages.Payload("eight", "cloud-6.12"), "9", "2G"));
        serial.ShouldContain("PASS eight unmodified kernels run at once");
        serial.ShouldContain("DRIVER done");
    }

    [Fact]
    public async Task A_partition_over_two_NUMA_cells_sees_them()
    {
        NodeShape shape = NodeShape.Direct(NodeImages.Payload("cells", "cloud-6.12"), "4,sockets=2,cores=2", "3G") with
        {
            Extra =
            [
                "-object", "memory-backend-ram,id=m0,size=1536M", "-object", "memory-backend-ram,id=m1,size=1536M",
                "-numa", "node,nodeid=0,cpus=0-1,memdev=m0", "-numa", "node,nodeid=1,cpus=2-3,memdev=m1",
            ],
        };
        string serial = await EmulatedNode.RunAsync("cells", shape);
        serial.ShouldContain("PASS a partition over two cells has two NUMA nodes, each with its core and memory");
        serial.ShouldContain("DRIVER done");
    }

    [Fact]
    public async Task Threads_of_one_core_stay_together()
    {
        string serial = await EmulatedNode.RunAsync("siblings", NodeShape.Direct(NodeImages.Payload("siblings", "cloud-6.12"), "6,sockets=1,cores=3,threads=2", "6G"));
        serial.ShouldContain("PASS SMT siblings are never split");
        serial.ShouldContain("PASS a partition of whole gibibytes uses them");
        serial.ShouldContain("DRIVER done");
    }

    [Fact]
    public async Task A_node_with_more_than_256_cores_uses_the_last_of_them()
    {
        NodeShape shape = NodeShape.Direct(NodeImages.Payload("high-ids", "cloud-6.12"), "264", "3G") with
        {
            // Without interrupt remapping QEMU allows no more than 255 processors.
            Extra = ["-device", "amd-iommu,intremap=on,xtsup=on,pt=off"],
        };
        string serial = await EmulatedNode.RunAsync("high-ids", shape);
        serial.ShouldContain("PASS the node's IOMMU is told");
        serial.ShouldContain("PASS cores with APIC ids above 255 run a partition and take its console interrupt");
        serial.ShouldContain("DRIVER done");
    }

    [Theory]
    [InlineData("cloud-6.1")]
    [InlineData("cloud-6.12")]
    public async Task Cores_of_a_tenant_go_offline_and_come_back(string kernel)
    {
        string serial = await EmulatedNode.RunAsync($"hotplug-{kernel}", NodeShape.Direct(NodeImages.Payload("hotplug", kernel), "9", "2G"));
        serial.ShouldContain("PASS cores go offline and come back");
        serial.ShouldContain("DRIVER done");
    }
}
