using System.Runtime.InteropServices;
using Osv.Contracts.ControlDevice;
using Osv.Fuzz.Engine;
using Osv.Monitor.Policy;

namespace Osv.Fuzz.Targets;

/// <summary>The tables that policy decides upon, and what must hold of them at any time. Back at its beginning in a microsecond.</summary>
internal sealed class PolicyNode
{
    public const int Cores = 6, Partitions = 4, Functions = 5;
    public const ulong Page = ControlLayout.PageBytes, FirstAddress = 4UL << 30, Bytes = 64 * Page;

    private readonly Core[] _cores = new Core[Cores];
    private readonly Partition[] _partitions = new Partition[Partitions];
    private readonly MemoryExtent[] _extents = new MemoryExtent[Partitions * ControlLayout.MaxExtents];
    private readonly MemoryEntry[] _memory = [new() { HostAddress = FirstAddress, Bytes = Bytes / 2 }, new() { HostAddress = FirstAddress + Bytes, Bytes = Bytes / 2 }];
    private readonly PciFunction[] _functions = new PciFunction[Functions];
    private readonly ushort[] _window = new ushort[1];
    private readonly byte[] _before;

    public PolicyNode() => _before = new byte[Raw<Core>(_cores).Length + Raw<Partition>(_partitions).Length + Raw<MemoryExtent>(_extents).Length + Raw<PciFunction>(_functions).Length + 2];

    public Machine Machine => new(_cores, _partitions, _extents, _memory, _functions, _window);

    public Span<Core> CoreTable => _cores;

    /// <summary>Whose functions reach anything.</summary>
    public bool[] Attached { get; } = new bool[Partitions];

    /// <summary>
    /// Two pairs of siblings and two cores without; partition 0 runs on the first pair. A function of partition 0, two that go
    /// together, one alone, one that no tenant can have.
    /// </summary>
    public void Boot()
    {
        for (int i = 0; i < Cores; i++) _cores[i] = new Core { ApicId = (uint)i, PhysicalCore = i < 4 ? (uint)i / 2 : (uint)i, Partition = Machine.Nobody };
        Array.Clear(_partitions);
        Array.Clear(_extents);
        _window[0] = Machine.Nobody;
        Array.Clear(Attached);
        Attached[0] = true;
        for (int i = 0; i < Functions; i++)
            _functions[i] = new PciFunction { Address = (ushort)(8 + i), Group = (ushort)(i == 2 ? 1 : i), Partition = i == 0 ? (ushort)Machine.Management : Machine.Nobody, IsAssignable = i != 4 };
        for (int i = 0; i < 2; i++)
        {
            _cores[i].Partition = Machine.Management;
            _cores[i].Mode = CoreMode.Running;
            _cores[i].Dirty = true;
        }
        _partitions[0] = new Partition { State = PartitionState.Running, CoreCount = 2, ExtentCount = 1, Dirty = true };
        _extents[0] = new MemoryExtent { GuestAddress = 0, HostAddress = FirstAddress, Bytes = 8 * Page };
    }

    /// <summary>Keeps the state for <see cref="HasChanged"/>.</summary>
    public void Remember()
    {
        Span<byte> to = _before;
        Put(ref to, Raw<Core>(_cores));
        Put(ref to, Raw<Partition>(_partitions));
        Put(ref to, Raw<MemoryExtent>(_extents));
        Put(ref to, Raw<PciFunction>(_functions));
        Put(ref to, Raw<ushort>(_window));
    }

    /// <summary>Anything that counts: of the extents those that a partition has.</summary>
    public bool HasChanged()
    {
        ReadOnlySpan<byte> from = _before;
        if (!Same(ref from, Raw<Core>(_cores)) || !Same(ref from, Raw<Partition>(_partitions))) return true;
        for (int p = 0; p < Partitions; p++)
        {
            int offset = p * ControlLayout.MaxExtents;
            ReadOnlySpan<byte> mine = Raw<MemoryExtent>(_extents.AsSpan(offset, _partitions[p].ExtentCount));
            if (!mine.SequenceEqual(from.Slice(offset * 24, mine.Length))) return true;
        }
        from = from[(_extents.Length * 24)..];
        return !Same(ref from, Raw<PciFunction>(_functions)) || !Same(ref from, Raw<ushort>(_window));
    }

    private static Span<byte> Raw<T>(Span<T> table)
        where T : unmanaged => MemoryMarshal.AsBytes(table);

    private static void Put(ref Span<byte> to, ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(to);
        to = to[bytes.Length..];
    }

    private static bool Same(ref ReadOnlySpan<byte> from, ReadOnlySpan<byte> bytes)
    {
        bool same = from[..bytes.Length].SequenceEqual(bytes);
        from = from[bytes.Length..];
        return same;
    }

    /// <summary>Cores and memory have one owner each, and every owner exists.</summary>
    public void CheckOwnership()
    {
        Span<int> owned = stackalloc int[Partitions];
        owned.Clear();
        for (int i = 0; i < Cores; i++)
        {
            ref Core core = ref _cores[i];
            for (int k = 0; k < i; k++)
                Check.That(_cores[k].PhysicalCore != core.PhysicalCore || _cores[k].Partition == core.Partition, "siblings have different owners");
            if (core.Partition == Machine.Nobody) continue;
            Check.That(core.Partition < Partitions && _partitions[core.Partition].State != PartitionState.Absent, "a core belongs to a partition that does not exist");
            owned[core.Partition]++;
        }
        for (int p = 0; p < Partitions; p++)
        {
            ref Partition partition = ref _partitions[p];
            if (partition.State == PartitionState.Absent)
            {
                Check.That(owned[p] == 0 && partition.ExtentCount == 0, "a partition that does not exist owns cores or memory");
                continue;
            }
            Check.That(Enum.IsDefined(partition.State), "a partition is in no known state");
            Check.That(owned[p] == partition.CoreCount && owned[p] != 0, "the count of a partition's cores is wrong");
            Check.That(_cores[partition.BootCore].Partition == p, "a partition's boot core is not its own");
            Check.That(partition.CoresOut <= partition.CoreCount, "more cores are waited for than there are");
            Check.That(partition.ExtentCount is > 0 and <= ControlLayout.MaxExtents, "a partition has no memory or too many pieces of it");
            for (int i = 0; i < partition.ExtentCount; i++) CheckExtent(p, i);
        }
        Check.That(_partitions[0].State != PartitionState.Absent, "partition 0 is gone");
        for (int i = 0; i < Functions; i++) CheckFunction(i);
        for (int p = 0; p < Partitions; p++)
            Check.That(Attached[p] == (_partitions[p].State == PartitionState.Running), "a partition's functions reach its memory while it does not run, or nothing while it does");
        Check.That(_window[0] == Machine.Nobody || (_window[0] is > 0 and < Partitions && _partitions[_window[0]] is { State: PartitionState.Stopped, Dirty: false }), "the load window shows memory that is not clean and stopped");
    }

    private void CheckFunction(int index)
    {
        ref PciFunction function = ref _functions[index];
        if (function.Partition == Machine.Nobody) return;
        Check.That(function.Partition < Partitions && _partitions[function.Partition].State != PartitionState.Absent, "a function belongs to a partition that does not exist");
        if (function.Partition == Machine.Management) return;
        Check.That(function.IsAssignable, "a tenant has a function that cannot be confined or reset");
        for (int i = 0; i < Functions; i++)
            Check.That(_functions[i].Group != function.Group || _functions[i].Partition == function.Partition, "functions that reach each other have different owners");
    }

    private void CheckExtent(int partition, int index)
    {
        MemoryExtent extent = _extents[partition * ControlLayout.MaxExtents + index];
        Check.That((extent.HostAddress | extent.GuestAddress | extent.Bytes) % Page == 0 && extent.Bytes != 0, "an extent is not made of whole pages");
        bool inside = false;
        foreach (MemoryEntry entry in _memory) inside |= extent.HostAddress >= entry.HostAddress && extent.HostAddress - entry.HostAddress <= entry.Bytes - extent.Bytes && extent.Bytes <= entry.Bytes;
        Check.That(inside, "an extent lies outside of the node's memory");
        for (int p = 0; p <= partition; p++)
            for (int i = 0; i < (p == partition ? index : _partitions[p].ExtentCount); i++)
            {
                MemoryExtent other = _extents[p * ControlLayout.MaxExtents + i];
                Check.That(extent.HostAddress >= other.HostAddress + other.Bytes || other.HostAddress >= extent.HostAddress + extent.Bytes, "two extents share host memory");
            }
    }
}
