namespace Osv.Ring0.Tests;

/// <summary>PCI functions that belong to one tenant, behind QEMU's AMD-Vi.</summary>
public sealed class DeviceTests
{
    private static readonly string[] s_iommu = ["-device", "amd-iommu,intremap=on,xtsup=on,pt=off"];

    [Fact]
    public async Task A_tenants_own_disk_works_without_exits_and_reaches_nothing_but_its_memory()
    {
        string disk = NodeImages.EmptyDisk("disk", mebibytes: 128);
        NodeShape shape = NodeShape.Direct(NodeImages.Payload("disk", "cloud-6.12"), "4", "2G") with
        {
            Extra = [.. s_iommu, "-drive", $"if=none,id=disk,format=raw,file={disk}", "-device", "nvme,drive=disk,serial=osv1"],
            Deadline = TimeSpan.FromMinutes(8),
        };
        string serial = await EmulatedNode.RunAsync("disk", shape);
        serial.ShouldContain("osv-monitor: AMD-Vi confines all devices");
        serial.ShouldContain("PASS functions that cannot be had are refused, each with its own code");
        serial.ShouldContain("PASS a stock kernel uses its own disk");
        serial.ShouldContain("PASS the disk's interrupts cause no exit");
        serial.ShouldContain("PASS the disk is reset at a stop and works at the next start");
        serial.ShouldContain("PASS a device that is told to reach beyond its owner's memory reaches nothing");
        serial.ShouldContain("PASS the disk goes to another partition");
        serial.ShouldContain("DRIVER done");
    }
}
