using Osv.Contracts.ControlDevice;
using Osv.Monitor.Policy;
using Osv.Placement.Nodes;
using Osv.Placement.Plans;

namespace Osv.Placement.Tests.Support;

/// <summary>Gives assignments to the monitor's own control policy, on a machine that has what the node has.</summary>
internal sealed unsafe class MonitorCheck
{
    private readonly Core[] _cores;
    private readonly Partition[] _partitions = new Partition[ControlLayout.MaxPartitions];
    private readonly MemoryExtent[] _extents = new MemoryExtent[ControlLayout.MaxPartitions * ControlLayout.MaxExtents];
    private readonly MemoryEntry[] _memory;
    private readonly ushort[] _window = [Machine.Nobody];
    private uint _next = 1;

    public MonitorCheck(NodeDescription node)
    {
        _cores = [.. node.Threads.Select(thread => new Core { ApicId = thread.ApicId, PhysicalCore = thread.PhysicalCore, Partition = Machine.Nobody })];
        _memory = [.. node.Memory.Select(range => new MemoryEntry { HostAddress = (ulong)range.StartUnit << 21, Bytes = (ulong)range.Units << 21, Cell = range.Cell })];
        _partitions[Machine.Management].State = PartitionState.Running;
    }

    /// <summary>Creates the next partition.</summary>
    public ControlStatus Create(Assignment assignment)
    {
        var request = new ControlRequest { Partition = _next, CoreCount = (uint)assignment.Threads.Length, ExtentCount = (uint)assignment.Memory.Length };
        for (int i = 0; i < assignment.Threads.Length; i++) request.Cores[i] = assignment.Threads[i];
        for (int i = 0; i < Math.Min(assignment.Memory.Length, ControlLayout.MaxExtents); i++)
        {
            request.Extents[i * 3] = assignment.Memory[i].Extent.GuestAddress;
            request.Extents[i * 3 + 1] = assignment.Memory[i].Extent.HostAddress;
            request.Extents[i * 3 + 2] = assignment.Memory[i].Extent.Bytes;
        }
        var machine = new Machine(_cores, _partitions, _extents, _memory, [], _window);
        ControlStatus status = ControlPolicy.Execute<Idle>(machine, (uint)ControlOperation.Create, in request, out _);
        if (status == ControlStatus.Ok) _next++;
        return status;
    }

    private readonly struct Idle : IHardware
    {
        public static void Kick(int core) { }
        public static void SendInterrupt(uint apicId, byte vector) { }
        public static bool MapPartition(int partition) => true;
        public static void UnmapPartition(int partition) { }
        public static void AttachFunctions(int partition) { }
        public static void DetachFunctions(int partition) { }
        public static void TakeDeviceEvents() { }
        public static void OpenWindow(int partition, ulong guestAddress) { }
        public static void CloseWindow() { }
        public static void ConsoleInput(int partition) { }
        public static void Report(EventKind kind, StopCause cause, int partition, int core) { }
        public static void PowerNode(bool off) { }
    }
}
