using System.Globalization;
using Osv.Bench.Load;
using Osv.Bench.Runs;

namespace Osv.Bench.Devices;

/// <summary>A disk and a network card behind an IOMMU, where the virtual rack has a tenant's (deploy/rack/NodeDevices.cs).</summary>
internal static class DeviceEquipment
{
    /// <summary>
    /// The disk is one that answers at once: what the host's own disk and cache take would only hide what a partition costs. Behind
    /// the card is QEMU's user networking, which leads to the peer on the loopback.
    /// </summary>
    /// <param name="peer">The peer's port.</param>
    public static Equipment With(int peer) => new(
        [
            "-device", "amd-iommu,intremap=on,xtsup=on,pt=off",
            "-netdev", "user,id=net",
            "-device", "pci-bridge,id=bridge,chassis_nr=1,shpc=off,addr=8",
            "-device", "virtio-net-pci,bus=bridge,addr=1,netdev=net,disable-legacy=on,iommu_platform=on,romfile=",
            "-blockdev", string.Create(CultureInfo.InvariantCulture, $"null-co,node-name=disk,read-zeroes=on,size={(long)LoadSize.DiskMebibytes << 20}"),
            "-device", "nvme,drive=disk,serial=bench,addr=9",
        ],
        string.Create(CultureInfo.InvariantCulture, $"peer={peer}"));
}
