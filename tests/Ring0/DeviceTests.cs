using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Osv.Ring0.Tests;

/// <summary>PCI functions that belong to one tenant, behind QEMU's AMD-Vi.</summary>
public sealed partial class DeviceTests
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

    [Fact]
    public async Task No_attack_by_a_device_reaches_beyond_its_owner()
    {
        string serial = await AttackAsync("attack-devices");
        serial.ShouldContain("PASS configuration space and messages of a function reach nothing of others");
        serial.ShouldContain("PASS a stop during DMA leaves clean memory");
    }

    [Fact]
    public async Task An_access_of_a_device_beyond_its_owners_memory_harms_nobody_and_stops_the_owner()
    {
        // Before 10.1 QEMU's IOMMU refuses and says nothing (docs/adr/0013).
        bool logs = await QemuVersionAsync() >= new Version(10, 1);
        string serial = await AttackAsync("attack-dma", logs ? " events=1" : string.Empty);
        serial.ShouldContain("PASS accesses of a device beyond its owner's memory harm nobody");
        if (logs) serial.ShouldContain("PASS every access of a device beyond its owner's memory is told and stops the owner");
    }

    private static async Task<Version> QemuVersionAsync()
    {
        using Process process = Process.Start(new ProcessStartInfo("qemu-system-x86_64", ["--version"]) { RedirectStandardOutput = true })!;
        string said = await process.StandardOutput.ReadToEndAsync();
        return Version.Parse(VersionLine().Match(said).Groups[1].Value);
    }

    [GeneratedRegex(@"version (\d+\.\d+)")]
    private static partial Regex VersionLine();

    private static async Task<string> AttackAsync(string scenario, string options = "")
    {
        string first = NodeImages.EmptyDisk($"{scenario}-1", mebibytes: 16), second = NodeImages.EmptyDisk($"{scenario}-2", mebibytes: 128);
        string payload = NodeImages.Payload(scenario, "cloud-6.12", options: $"monitor-code={await MonitorSymbols.AddressesAsync("monitor_exit", "world_loop")}{options}");
        NodeShape shape = NodeShape.Direct(payload, "4", "1G", "p0.cores=1 p0.memory=384M") with
        {
            Extra =
            [
                .. s_iommu, "-drive", $"if=none,id=first,format=raw,file={first}", "-device", "nvme,drive=first,serial=osv1",
                "-drive", $"if=none,id=second,format=raw,file={second}", "-device", "nvme,drive=second,serial=osv2",
            ],
            Deadline = TimeSpan.FromMinutes(9),
        };
        string serial = await EmulatedNode.RunAsync(scenario, shape);
        serial.ShouldContain("PASS a neighbour with the same kind of device is unharmed");
        serial.ShouldContain("DRIVER done");
        serial.ShouldNotContain("osv-monitor: panic");
        serial.ShouldNotContain("osv-monitor: fault");
        return serial;
    }
}
