// A machine alone leaves nearly half of two cores idle.
[assembly: CollectionBehavior(MaxParallelThreads = 2)]
[assembly: AssemblyFixture(typeof(Osv.Ring0.Tests.NodeImages))]

namespace Osv.Ring0.Tests;

/// <summary>The shipped image on an emulated AMD node with stock Debian kernels: partitions and their lives.</summary>
public sealed class MonitorTests
{
    [Theory]
    [InlineData("cloud-6.1", 1)]
    [InlineData("cloud-6.12", 4)]
    [InlineData("generic-6.12", 4)]
    [InlineData("generic-6.12", 8)]
    public async Task Partition_0_boots_an_unmodified_kernel(string kernel, int cores)
    {
        string serial = await EmulatedNode.RunAsync($"boot-{kernel}", NodeShape.Direct(NodeImages.Payload("boot", "cloud-6.12", kernel), $"{cores}", "2G", $"p0.cores={cores} p0.memory=768M"));
        serial.ShouldContain("MANAGEMENT UP");
        serial.ShouldContain("DRIVER done");
        serial.ShouldNotContain("osv-monitor: panic");
    }

    [Theory]
    [InlineData("cloud-6.1")]
    [InlineData("cloud-6.12")]
    [InlineData("generic-6.12")]
    public async Task Two_tenants_run_side_by_side_and_only_ipis_leave_them(string kernel)
    {
        string serial = await EmulatedNode.RunAsync($"tenants-{kernel}", NodeShape.Direct(NodeImages.Payload("tenants", kernel), "5", "2G"));
        serial.ShouldContain("DRIVER done");
        serial.ShouldContain("PASS only ICR exits in the run phase");
        serial.ShouldContain("PASS ten idle seconds cost at most 30 exits");
        serial.ShouldContain("PASS a neighbour's panic is not noticed");
    }

    [Fact]
    public async Task A_tenant_reboots_powers_off_faults_stops_and_starts_again()
    {
        string serial = await EmulatedNode.RunAsync("lifecycle", NodeShape.Direct(NodeImages.Payload("lifecycle", "cloud-6.12"), "3", "2G"));
        serial.ShouldContain("DRIVER done");
        serial.ShouldContain("PASS memory is scrubbed before the window opens");
        serial.ShouldContain("PASS cores and memory go to another partition");
        serial.ShouldContain("PASS console input is not inherited");
    }

    [Fact]
    public async Task A_running_tenants_memory_is_out_of_reach_of_partition_0()
    {
        string serial = await EmulatedNode.RunAsync("window", NodeShape.Direct(NodeImages.Payload("window", "cloud-6.12"), "3", "2G", "p0.cores=2"));
        serial.ShouldContain("PASS the window is closed for every core of partition 0 once a tenant has started");
        serial.ShouldContain("PASS the window of a running partition does not open");
        serial.ShouldContain("DRIVER done");
    }

    [Fact]
    public async Task Bad_control_requests_are_refused_with_a_precise_code()
    {
        string serial = await EmulatedNode.RunAsync("refusals", NodeShape.Direct(NodeImages.Payload("refusals", "cloud-6.12"), "3", "2G"));
        serial.ShouldContain("PASS every bad request is refused with its own code");
    }
}
