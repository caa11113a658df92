using Osv.Agent.Partitions;
using Osv.Contracts.ControlDevice;
using Osv.Contracts.Node;

namespace Osv.Agent.Node;

/// <summary>What this node has: cores, memory and PCI functions, as the monitor tells them.</summary>
public static class InventoryReader
{
    /// <param name="imageBytes">Of images that it can hold at once.</param>
    public static Inventory Read(ControlDevice device, string bootId, long imageBytes, TimeProvider time, string release = "/proc/sys/kernel/osrelease")
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
        FunctionEntry[] functions = device.Functions.ToArray();
        inventory.Pci.Add(functions.OrderBy(function => function.Address).Select(function => Function(function, functions)));
        if (File.Exists(release)) inventory.Kernel = File.ReadAllText(release).Trim();
        inventory.Sources.Add(["cores, memory, pci: control device", "kernel: procfs", "image room: free memory of the management partition"]);
        return inventory;
    }

    /// <summary>Placement knows functions, not groups: one that shares its group with others is not offered.</summary>
    private static PciFunction Function(FunctionEntry function, FunctionEntry[] all) => new()
    {
        Address = PciAddress.Format(function.Address),
        Vendor = function.Vendor,
        Device = function.Device,
        ClassCode = function.Class,
        Assignable = function.IsAssignable != 0 && all.Count(other => other.Group == function.Group) == 1,
        Partition = function.Partition == 0xFFFF ? -1 : function.Partition,
    };
}
