using Osv.Contracts.ControlDevice;
using Osv.Monitor.Policy;

namespace Osv.Ring0.Tests;

/// <summary>
/// The monitor's decisions, compiled for this host, over a node like one that was told of. Cores act on their kicks at once,
/// one after the other.
/// </summary>
internal sealed class HostedMonitor
{
    private readonly Core[] _cores;
    private readonly Partition[] _partitions = new Partition[ControlLayout.MaxPartitions];
    private readonly MemoryExtent[] _extents = new MemoryExtent[ControlLayout.MaxPartitions * ControlLayout.MaxExtents];
    private readonly MemoryEntry[] _memory;
    private readonly ushort[] _window = [Osv.Monitor.Policy.Machine.Nobody];

    public HostedMonitor(IReadOnlyList<(uint ApicId, uint PhysicalCore, ushort Partition)> cores, MemoryEntry[] memory, IReadOnlyList<MemoryExtent> management)
    {
        _cores = [.. cores.Select(core => new Core { ApicId = core.ApicId, PhysicalCore = core.PhysicalCore, Partition = core.Partition })];
        _memory = memory;
        _partitions[0].State = PartitionState.Running;
        _partitions[0].ExtentCount = (ushort)management.Count;
        for (int i = 0; i < management.Count; i++) _extents[i] = management[i];
    }

    private Osv.Monitor.Policy.Machine Machine => new(_cores, _partitions, _extents, _memory, [], _window);

    /// <summary>Events since the last call: kind, cause, partition, APIC id of the core.</summary>
    public List<ulong[]> TakeEvents()
    {
        List<ulong[]> events = [.. Recorder.Events.Select(item => new[] { (ulong)item[0], (ulong)item[1], (ulong)item[2], _cores[item[3]].ApicId })];
        Recorder.Events.Clear();
        return events;
    }

    public (ControlStatus Status, uint Index) Execute(uint operation, in ControlRequest request)
    {
        ControlStatus status = ControlPolicy.Execute<Recorder>(Machine, operation, in request, out uint index);
        return (status, index);
    }

    /// <summary>A guest ends by itself, as ExitHandler tells policy.</summary>
    public void End(int partition, EventKind kind, StopCause cause, uint apicId)
    {
        Recorder.Report(kind, cause, partition, Machine.FindCore(apicId));
        Lifecycle.Stop<Recorder>(Machine, partition, cause);
    }

    /// <summary>Every core looks at its requests until nobody is kicked.</summary>
    public void Settle()
    {
        while (Recorder.Kicks.TryDequeue(out int core))
        {
            switch (Lifecycle.Next(Machine, core, mayTakeNmi: true))
            {
                case CoreAction.ScrubCore: Lifecycle.CoreIsBack<Recorder>(Machine, core); break;
                case CoreAction.ScrubMemory: Lifecycle.MemoryIsClean<Recorder>(Machine, _cores[core].Partition); break;
            }
        }
    }

    /// <summary>The partition table as partition 0 sees it, without partition 0's own line.</summary>
    public IEnumerable<ulong[]> Table()
    {
        for (int i = 1; i < _partitions.Length; i++)
        {
            Partition item = _partitions[i];
            ulong bytes = 0;
            for (int k = 0; k < item.ExtentCount; k++) bytes += _extents[i * ControlLayout.MaxExtents + k].Bytes;
            if (item.State == PartitionState.Absent && item.CoreCount == 0 && bytes == 0) continue;
            yield return [(ulong)i, (ulong)item.State, item.CoreCount, bytes, item.ExtentCount, (ulong)item.Cause];
        }
    }

    public ulong[] Owners => [.. _cores.Select(core => (ulong)core.Partition)];

    /// <summary>Static, as policy demands: one trace is replayed at a time.</summary>
    private readonly struct Recorder : IHardware
    {
        public static readonly Queue<int> Kicks = [];
        public static readonly List<int[]> Events = [];

        public static void Kick(int core) => Kicks.Enqueue(core);
        public static void SendInterrupt(uint apicId, byte vector) { }
        public static bool MapPartition(int partition) => true;
        public static void UnmapPartition(int partition) { }
        public static void AttachFunctions(int partition) { }
        public static void DetachFunctions(int partition) { }
        public static void TakeDeviceEvents() { }
        public static void OpenWindow(int partition, ulong guestAddress) { }
        public static void CloseWindow() { }
        public static void ConsoleInput(int partition) { }
        public static void Report(EventKind kind, StopCause cause, int partition, int core) => Events.Add([(int)kind, (int)cause, partition, core]);
        public static void PowerNode(bool off) => throw new InvalidOperationException("no step of a trace ends the node");
    }
}
