using System.Collections.Immutable;
using Osv.Contracts.ControlDevice;
using Osv.Data.Nodes;
using Osv.Placement;
using Osv.Placement.Nodes;
using PlanState = Osv.Placement.Nodes.NodeState;

namespace Osv.Scheduler.Fleets;

/// <summary>A core as the database has it.</summary>
public readonly record struct CoreRow(int ApicId, int Cell, int CacheDomain, int PhysicalCore, int ThreadsPerCore, bool Reserved);

/// <summary>A device that can be asked for.</summary>
/// <param name="LastTenant">Of a disk: whose data may be on it.</param>
internal readonly record struct DeviceRow(string PciAddress, string Class, int? Cell, Guid? LastTenant);

/// <summary>What a node has, in the database's terms and in the planner's.</summary>
internal sealed class NodeInventory
{
    public required Guid Id { get; init; }

    public required string Name { get; init; }

    public string Rack { get; init; } = "";

    public string PowerDomain { get; init; } = "";

    public IReadOnlyDictionary<string, string> Labels { get; init; } = new Dictionary<string, string>();

    /// <summary>Bytes of images that it can hold at once.</summary>
    public long ImageRoom { get; init; } = long.MaxValue;

    public List<CoreRow> Cores { get; } = [];

    public List<(long Start, long Size, int Cell)> Memory { get; } = [];

    public List<DeviceRow> Devices { get; } = [];

    /// <summary>Threads of each core that can be sold; nodes mix no widths.</summary>
    public int Width => Cores.Count == 0 ? 1 : Cores.Max(core => core.ThreadsPerCore);

    /// <summary>A device without a proximity domain counts to the first cell.</summary>
    public int CellOf(DeviceRow device) => device.Cell ?? Cores.Min(core => core.Cell);

    public int PhysicalCore(int apicId) => Cores.Find(core => core.ApicId == apicId).PhysicalCore;

    /// <summary>The cell that an address lies in.</summary>
    /// <exception cref="ArgumentException">It lies in no block.</exception>
    public int CellOf(long address)
    {
        foreach ((long start, long size, int cell) in Memory)
        {
            if (address >= start && address < start + size) return cell;
        }
        throw new ArgumentException($"node {Name} has no memory at 0x{address:x}");
    }

    public NodeDescription Describe(PlanState state, int recentFailures) => new()
    {
        Name = Name,
        Rack = Rack,
        PowerDomain = PowerDomain,
        Labels = Labels.ToImmutableDictionary(),
        State = state,
        RecentFailures = recentFailures,
        ImageRoom = ImageRoom,
        Threads = [.. Cores.Select(core => new ThreadDescription((uint)core.ApicId, (uint)core.Cell, (uint)core.CacheDomain, (uint)core.PhysicalCore))],
        ManagementThreads = [.. Cores.Where(core => core.Reserved).Select(core => (uint)core.ApicId)],
        Memory = [.. Memory.Select(Range).Where(range => range.Units > 0)],
        Devices = [.. Devices.GroupBy(device => (device.Class, Cell: CellOf(device))).Select(group => new DeviceDescription(group.Key.Class, (uint)group.Key.Cell, group.Count()))],
    };

    /// <summary>Without what lies above the monitor's limit.</summary>
    private static MemoryRange Range((long Start, long Size, int Cell) block)
    {
        long start = block.Start / (long)ControlLayout.PageBytes, end = Math.Min((block.Start + block.Size) / (long)ControlLayout.PageBytes, PartitionLimits.HostLimitUnit);
        return new MemoryRange((int)Math.Min(start, PartitionLimits.HostLimitUnit), (int)Math.Max(0, end - start), (uint)block.Cell);
    }
}

/// <summary>How a node stands now.</summary>
internal readonly record struct NodeStanding(Guid Id, uint Version, PlanState State, int RecentFailures);

/// <summary>A placement and what it owns.</summary>
internal sealed class OwnedPlace
{
    public required Guid TenantId { get; init; }

    public required Guid NodeId { get; init; }

    public List<int> ApicIds { get; } = [];

    public List<(long Start, long Size)> Memory { get; } = [];

    public List<string> PciAddresses { get; } = [];
}
