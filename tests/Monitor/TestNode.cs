using System.Runtime.InteropServices;
using Osv.Contracts.ControlDevice;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Tests;

/// <summary>The policy's tables, and shorthands to drive them.</summary>
internal sealed class TestNode
{
    public const ulong Page = ControlLayout.PageBytes, Gibibyte = 1UL << 30;

    public static readonly EntryState Entry = new() { Rip = 0x100_0200, Rsi = 0x7000, Cr3 = 0xA000, GdtBase = 0x6000, GdtLimit = 31, CodeSelector = 0x10, DataSelector = 0x18 };

    private readonly ushort[] _window = [Policy.Machine.Nobody];

    public Core[] Cores { get; }
    public Partition[] Partitions { get; }
    public MemoryExtent[] Extents { get; }
    public PciFunction[] Functions { get; set; } = [];
    public MemoryEntry[] Memory { get; set; } = [new MemoryEntry { HostAddress = 4 * Gibibyte, Bytes = 8 * Gibibyte }];

    /// <param name="apicIds">One core each; <paramref name="physicalCores"/> says which are SMT siblings.</param>
    public TestNode(uint[] apicIds, uint[]? physicalCores = null, int partitions = 4)
    {
        Cores = [.. apicIds.Select((id, i) => new Core { ApicId = id, PhysicalCore = physicalCores?[i] ?? (uint)i, Partition = Policy.Machine.Nobody })];
        Partitions = new Partition[partitions];
        Extents = new MemoryExtent[partitions * ControlLayout.MaxExtents];
        RecordingHardware.Forget();
    }

    public Machine Machine => new(Cores, Partitions, Extents, Memory, Functions, _window);

    public ushort Window => _window[0];

    /// <summary>Partition 0 on core 0, running, as after boot; nothing recorded.</summary>
    public static TestNode Booted(int cores = 6)
    {
        var node = new TestNode([.. Enumerable.Range(0, cores).Select(i => (uint)i * 2)]);
        ControlPolicy.CreateAt<RecordingHardware>(node.Machine, 0, Request(0, [0], Extent(0, 4 * Gibibyte, Gibibyte)), out _).ShouldBe(ControlStatus.Ok);
        node.Act(0).ShouldBe(CoreAction.ScrubMemory);
        Lifecycle.MemoryIsClean<RecordingHardware>(node.Machine, 0);
        Lifecycle.Start<RecordingHardware>(node.Machine, 0);
        node.Act(0).ShouldBe(CoreAction.EnterStart);
        RecordingHardware.Forget();
        return node;
    }

    /// <summary>Besides, partition 1 on cores 1 and 2 with a gibibyte, clean and stopped.</summary>
    public static TestNode WithTenant(int cores = 6)
    {
        TestNode node = Booted(cores);
        node.Ask(ControlOperation.Create, Request(1, [2, 4], Extent(0, 6 * Gibibyte, Gibibyte))).ShouldBe(ControlStatus.Ok);
        node.Act(1).ShouldBe(CoreAction.ScrubMemory);
        Lifecycle.MemoryIsClean<RecordingHardware>(node.Machine, 1);
        RecordingHardware.Forget();
        return node;
    }

    /// <summary>And running, on its boot core.</summary>
    public static TestNode WithRunningTenant(int cores = 6)
    {
        TestNode node = WithTenant(cores);
        node.Ask(ControlOperation.Start, new ControlRequest { Partition = 1, Entry = Entry }).ShouldBe(ControlStatus.Ok);
        node.Act(1).ShouldBe(CoreAction.EnterStart);
        RecordingHardware.Forget();
        return node;
    }

    public static MemoryExtent Extent(ulong guest, ulong host, ulong bytes) => new() { GuestAddress = guest, HostAddress = host, Bytes = bytes };

    public static unsafe ControlRequest Request(uint partition, uint[] cores, params MemoryExtent[] extents)
    {
        var request = new ControlRequest { Partition = partition, CoreCount = (uint)cores.Length, ExtentCount = (uint)extents.Length };
        for (int i = 0; i < cores.Length && i < ControlLayout.MaxCores; i++) request.Cores[i] = cores[i];
        for (int i = 0; i < extents.Length && i < ControlLayout.MaxExtents; i++)
        {
            request.Extents[i * 3] = extents[i].GuestAddress;
            request.Extents[i * 3 + 1] = extents[i].HostAddress;
            request.Extents[i * 3 + 2] = extents[i].Bytes;
        }
        return request;
    }

    public ControlStatus Ask(ControlOperation operation, in ControlRequest request) => Ask(operation, in request, out _);

    public ControlStatus Ask(ControlOperation operation, in ControlRequest request, out uint index) =>
        ControlPolicy.Execute<RecordingHardware>(Machine, (uint)operation, in request, out index);

    public CoreAction Act(int core, bool mayTakeNmi = true) => Lifecycle.Next(Machine, core, mayTakeNmi);

    /// <summary>All that is decided upon, as bytes; of the extents only those that count.</summary>
    public byte[] Snapshot()
    {
        var bytes = new List<byte>();
        bytes.AddRange(MemoryMarshal.AsBytes<Core>(Cores));
        bytes.AddRange(MemoryMarshal.AsBytes<Partition>(Partitions));
        bytes.AddRange(MemoryMarshal.AsBytes<ushort>(_window));
        foreach (PciFunction function in Functions) bytes.AddRange(BitConverter.GetBytes(function.Partition));
        for (int p = 0; p < Partitions.Length; p++)
            bytes.AddRange(MemoryMarshal.AsBytes<MemoryExtent>(Extents.AsSpan(p * ControlLayout.MaxExtents, Partitions[p].ExtentCount)));
        return [.. bytes];
    }
}
