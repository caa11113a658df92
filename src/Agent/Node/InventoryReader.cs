using System.Globalization;
using Osv.Agent.Partitions;
using Osv.Contracts.ControlDevice;
using Osv.Contracts.Node;

namespace Osv.Agent.Node;

/// <summary>What this node has: cores and memory from the monitor, PCI functions from Linux.</summary>
public static class InventoryReader
{
    /// <param name="imageBytes">Of images that it can hold at once.</param>
    /// <param name="sysfs">/sys.</param>
    public static Inventory Read(ControlDevice device, string bootId, long imageBytes, TimeProvider time, string sysfs = "/sys", string release = "/proc/sys/kernel/osrelease")
    {
        device.Execute(ControlOperation.Topology);
        ControlHeader header = device.Header;
        var inventory = new Inventory
        {
            BootId = bootId,
            TscKilohertz = header.TscKilohertz,
            TrustedBytes = header.TrustedBytes,
            ManagementRestarts = header.ManagementRestarts,
            AbiVersion = header.AbiVersion,
            ImageBytes = (ulong)imageBytes,
            TakenUnixMs = (ulong)time.GetUtcNow().ToUnixTimeMilliseconds(),
        };
        foreach (CoreEntry core in device.Cores)
            inventory.Cores.Add(new Core { ApicId = core.ApicId, Cell = core.Cell, CacheDomain = core.CacheDomain, PhysicalCore = core.PhysicalCore, Partition = core.Partition == 0xFFFF ? -1 : (int)core.Partition });
        var taken = new List<MemoryExtent>();
        for (int i = 0; i < ControlLayout.MaxPartitions; i++)
        {
            if (device.Partitions[i].State != (uint)PartitionState.Absent) taken.AddRange(device.Extents(i));
        }
        List<MemoryEntry> free = MemoryPlanner.Free(device.Memory.ToArray(), taken);
        foreach (MemoryEntry range in MemoryPlanner.Free(device.Memory.ToArray(), device.Extents(0).ToArray()).OrderBy(range => range.HostAddress))
        {
            ulong left = free.Where(piece => piece.HostAddress >= range.HostAddress && piece.HostAddress < range.HostAddress + range.Bytes).Aggregate(0UL, (sum, piece) => sum + piece.Bytes);
            inventory.Memory.Add(new MemoryRange { HostAddress = range.HostAddress, Bytes = range.Bytes, Cell = range.Cell, FreeBytes = left });
        }
        string functions = Path.Combine(sysfs, "bus", "pci", "devices");
        if (Directory.Exists(functions)) inventory.Pci.Add(Directory.EnumerateDirectories(functions).Order(StringComparer.Ordinal).Select(Function));
        if (File.Exists(release)) inventory.Kernel = File.ReadAllText(release).Trim();
        inventory.Sources.Add(["cores, memory: control device", "pci: sysfs", "kernel: procfs", "image room: free memory of the management partition"]);
        return inventory;
    }

    private static PciFunction Function(string folder) => new()
    {
        Address = Path.GetFileName(folder),
        Vendor = Hex(folder, "vendor"),
        Device = Hex(folder, "device"),
        ClassCode = Hex(folder, "class"),
        Driver = Path.GetFileName(new FileInfo(Path.Combine(folder, "driver")).LinkTarget ?? string.Empty),
    };

    private static uint Hex(string folder, string name) => uint.Parse(File.ReadAllText(Path.Combine(folder, name)).AsSpan().Trim()[2..], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
