using Osv.Agent.Health;
using Osv.Agent.Node;
using Osv.Agent.Notes;
using Osv.Contracts.BootInterface;
using Osv.Contracts.ControlDevice;
using Osv.Contracts.Node;

namespace Osv.Agent.Partitions;

/// <summary>Makes partitions out of free cores, memory and PCI functions, and describes those that exist.</summary>
internal sealed class PartitionFactory(ControlDevice device, NodeNotes notes, TimeProvider time, AgentLog log)
{
    /// <summary>Partition numbers go round, so that events of a partition that is gone are not taken for another's.</summary>
    private int _last;

    public void Execute(ControlOperation operation, int partition)
    {
        device.Request.Partition = (uint)partition;
        device.Request.Argument = 0;
        device.Execute(operation);
    }

    /// <summary>Notes the partition, then has the monitor make it.</summary>
    /// <exception cref="InvalidOperationException">There is not enough memory, or no partition number is free.</exception>
    /// <exception cref="ControlException">The monitor refused.</exception>
    public unsafe PartitionNote Create(DesiredPartition wanted)
    {
        int partition = FreeNumber();
        IReadOnlyList<MemoryExtent> extents = MemoryPlanner.Plan(MemoryPlanner.Free(device.Memory.ToArray(), Taken()), [.. wanted.Memory.Select(share => (share.Cell, share.Bytes))], out string reason)
            ?? throw new InvalidOperationException(reason);
        if (wanted.ApicIds.Count is 0 or > ControlLayout.MaxCores) throw new InvalidOperationException($"it names {wanted.ApicIds.Count} cores");
        if (wanted.PciAddresses.Count > ControlLayout.MaxOwnFunctions) throw new InvalidOperationException($"it names {wanted.PciAddresses.Count} PCI functions; a partition can have {ControlLayout.MaxOwnFunctions}");
        ushort[] functions = [.. wanted.PciAddresses.Select(PciAddress.Parse)];

        // What a previous owner of this number has left in the console ring is nobody's any more.
        ref ConsoleHeader console = ref device.ConsoleHeader(partition);
        device.TakeConsole(partition, Volatile.Read(ref console.OutputHead));
        var note = new PartitionNote
        {
            TenantId = wanted.TenantId,
            Name = wanted.Name,
            Partition = partition,
            Instance = (ulong)time.GetUtcNow().ToUnixTimeMilliseconds(),
            ApicIds = [.. wanted.ApicIds],
            Memory = [.. wanted.Memory.Select(share => new ShareNote(share.Cell, share.Bytes))],
            PciAddresses = [.. wanted.PciAddresses],
            Restart = wanted.Restart,
            Lease = wanted.Lease,
            EventFloor = new EventFeed(device).Last,
            ConsoleBase = console.OutputTail,
            ConsoleLost = console.OutputLost,
        };
        notes.Save(note);

        ref ControlRequest request = ref device.Request;
        request.Partition = (uint)partition;
        request.CoreCount = (uint)wanted.ApicIds.Count;
        for (int i = 0; i < wanted.ApicIds.Count; i++) request.Cores[i] = wanted.ApicIds[i];
        request.FunctionCount = (uint)functions.Length;
        for (int i = 0; i < functions.Length; i++) request.Functions[i] = functions[i];
        request.ExtentCount = (uint)extents.Count;
        for (int i = 0; i < extents.Count; i++)
        {
            request.Extents[i * 3] = extents[i].GuestAddress;
            request.Extents[i * 3 + 1] = extents[i].HostAddress;
            request.Extents[i * 3 + 2] = extents[i].Bytes;
        }
        ControlStatus status = device.TryExecute(ControlOperation.Create, out uint index);
        if (status != ControlStatus.Ok)
        {
            notes.Clear(partition);
            throw new ControlException(ControlOperation.Create, (uint)partition, status, index);
        }
        log.Info("partitions", $"partition {partition} made for {wanted.TenantId}: {wanted.ApicIds.Count} cores, {extents.Sum(extent => (long)extent.Bytes) >> 20} MiB in {extents.Count} extents{string.Concat(wanted.PciAddresses.Select(address => ", " + address))}");
        return note;
    }

    private int FreeNumber()
    {
        for (int i = 0; i < ControlLayout.MaxPartitions - 1; i++)
        {
            _last = _last % (ControlLayout.MaxPartitions - 1) + 1;
            if (device.Partitions[_last].State == (uint)PartitionState.Absent) return _last;
        }
        throw new InvalidOperationException($"all {ControlLayout.MaxPartitions - 1} partition numbers are taken");
    }

    /// <summary>Memory of every partition there is, partition 0 too.</summary>
    public List<MemoryExtent> Taken()
    {
        var taken = new List<MemoryExtent>();
        for (int partition = 0; partition < ControlLayout.MaxPartitions; partition++)
        {
            if (device.Partitions[partition].State != (uint)PartitionState.Absent) taken.AddRange(device.Extents(partition));
        }
        return taken;
    }

    /// <summary>Cores and memory as the guest's tables show them, NUMA cells numbered from 0 within the partition.</summary>
    public LinuxMachine Describe(PartitionNote note)
    {
        MemoryExtent[] extents = device.Extents(note.Partition).ToArray();
        MemoryEntry[] memory = device.Memory.ToArray();
        Dictionary<uint, uint> cellOfCore = device.Cores.ToArray().ToDictionary(core => core.ApicId, core => core.Cell);
        uint[] extentCells = [.. extents.Select(extent => memory.First(entry => extent.HostAddress >= entry.HostAddress && extent.HostAddress < entry.HostAddress + entry.Bytes).Cell)];
        List<uint> cells = [.. extentCells.Concat(note.ApicIds.Select(id => cellOfCore[id])).Distinct().Order()];
        return new LinuxMachine(
            [.. note.ApicIds.Select(id => new GuestCore { ApicId = id, Cell = (uint)cells.IndexOf(cellOfCore[id]) })],
            extents,
            [.. extentCells.Select(cell => (uint)cells.IndexOf(cell))],
            HasPci: note.PciAddresses.Count != 0);
    }

    /// <summary>Fills in what the monitor's tables say of it.</summary>
    public unsafe void Measure(PartitionNote note, ObservedPartition seen)
    {
        seen.Partition = (uint)note.Partition;
        seen.StartGeneration = note.StartGeneration;
        seen.Instance = note.Instance;
        seen.Restarts = note.Restarts;
        seen.LastEnd = note.LastEnd;
        seen.StartedUnixMs = (ulong)note.StartedUnixMs;
        seen.ApicIds.Add(note.ApicIds);
        seen.MemoryBytes = device.Partitions[note.Partition].MemoryBytes;
        var exits = new ulong[(int)ExitCounter.Count];
        ReadOnlySpan<CoreEntry> cores = device.Cores;
        for (int i = 0; i < cores.Length; i++)
        {
            ref readonly CoreEntry core = ref cores[i];
            if (core.Partition != (uint)note.Partition) continue;
            for (int k = 0; k < exits.Length; k++) exits[k] += core.Exits[k];
            if (core.ProbeCount != 0)
                seen.Cores.Add(new CoreSample { ApicId = core.ApicId, Rip = core.ProbeRip, Cpl = core.ProbeCpl, InterruptsOn = core.ProbeInterruptsOn != 0 });
        }
        for (int k = 0; k < exits.Length; k++)
        {
            if (exits[k] != 0) seen.Exits.Add(new ExitCount { Reason = ((ExitCounter)k).ToString(), Count = exits[k] });
        }
    }
}
