using System.Runtime.InteropServices;
using Osv.Monitor.Hardware;
using Osv.Monitor.Policy;

namespace Osv.Fuzz.Tests;

/// <summary>What the monitor writes into the registers of L3 cache allocation (APM vol. 2, 19): no emulator has them.</summary>
public sealed unsafe class CacheWaysTests : IDisposable
{
    private const int Cores = 8;
    private const uint Association = 0xC8F, FirstMask = 0xC90;
    private readonly SimulatedProcessor _processorBefore = Cpu.Processor;
    private readonly Core* _coresBefore = Node.Cores;
    private readonly int _countBefore = Node.CoreCount;
    private readonly SimulatedProcessor _processor = new() { KeepWrites = true };

    public CacheWaysTests()
    {
        Cpu.Processor = _processor;
        Node.Cores = (Core*)NativeMemory.AllocZeroed((nuint)(Cores * sizeof(Core)));
        Node.CoreCount = Cores;
        for (int i = 0; i < Cores; i++) Node.Cores[i] = new Core { ApicId = (uint)i, Partition = (ushort)(i < 2 ? 0 : 1) };
    }

    public void Dispose()
    {
        NativeMemory.Free(Node.Cores);
        Cpu.Processor = _processorBefore;
        Node.Cores = _coresBefore;
        Node.CoreCount = _countBefore;
        Discover();
    }

    private static void Discover()
    {
        uint* registers = stackalloc uint[4];
        CacheWays.Discover(registers);
    }

    private void Allocates(uint classes)
    {
        _processor.Leaves[(0x8000_001D, 3)] = [(Cores - 1) << 14, 0, 0, 0];
        _processor.Leaves[(7, 0)] = [0, 1 << 15, 0, 0];
        _processor.Leaves[(0x10, 1)] = [15, 0, 0, classes - 1];
    }

    [Fact]
    public void Each_partition_fills_the_ways_of_its_own_cores()
    {
        Allocates(classes: 16);
        Discover();
        CacheWays.Allot(0);
        CacheWays.Allot(5);
        _processor.MsrWrites.ShouldBe([(FirstMask, 0x000Ful), (Association, 0ul), (FirstMask + 2, 0xFFF0ul), (Association, 2ul << 32)]);
    }

    [Theory]
    [InlineData("allocates nothing")]
    [InlineData("allocates something else")]
    [InlineData("has too few classes")]
    public void A_register_that_a_processor_may_not_have_is_left_alone(string processor)
    {
        Allocates(classes: processor == "has too few classes" ? 3u : 16);
        if (processor == "allocates nothing") _processor.Leaves.Remove((7, 0));
        if (processor == "allocates something else") _processor.Leaves.Remove((0x10, 1));
        Discover();
        CacheWays.DomainShift.ShouldBe(3, "who shares a cache is known all the same");
        CacheWays.Allot(0);
        _processor.MsrWrites.ShouldBeEmpty();
    }
}
