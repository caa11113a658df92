using System.Runtime.InteropServices;
using Osv.Contracts.ControlDevice;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Tests;

/// <summary>
/// In ring 0 an overflow or an index out of range is a panic of the whole node, so what a guest can hand to policy must never
/// cause one. The library is compiled with checked arithmetic, as the image is: there a panic, here an exception.
/// </summary>
public sealed class GuestInputTests
{
    private const int Rounds = 200_000, Functions = 4;
    private const int Cores = 5, Partitions = 4;

    /// <summary>The seed is fixed: a failure comes again.</summary>
    private readonly Random _random = new(20130701);

    private readonly struct NoHardware : IHardware
    {
        public static void Kick(int core) { }
        public static void SendInterrupt(uint apicId, byte vector) { }
        public static bool MapPartition(int partition) => (partition & 1) == 0;
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

    /// <summary>Any value, but more often one at which arithmetic turns over or a table begins or ends.</summary>
    private ulong Word()
    {
        ulong near = _random.Next(6) switch
        {
            0 => 0,
            1 => 1UL << _random.Next(64),
            2 => ulong.MaxValue >> _random.Next(64),
            3 => (uint)_random.Next(0x40) | ((ulong)(uint)_random.Next(4) << 30),
            4 => 0xC001_0000,
            _ => (ulong)_random.NextInt64(long.MinValue, long.MaxValue),
        };
        return unchecked(near + (ulong)_random.Next(-2, 3));
    }

    private uint Small() => unchecked((uint)Word());

    [Fact]
    public void No_register_number_or_value_is_too_much_for_the_MSR_policy()
    {
        for (int i = 0; i < Rounds; i++)
        {
            MsrPolicy.Read(Small(), out _);
            MsrPolicy.Write(Small());
            MsrPolicy.GuestEfer(Word(), Word(), (i & 1) != 0, out _);
            MsrPolicy.GuestLocalVector(Small(), Word());
        }
    }

    [Fact]
    public void No_port_access_is_too_much_for_the_port_policy()
    {
        for (int port = 0; port <= ushort.MaxValue; port++)
        {
            PortPolicy.Read((ushort)port, management: (port & 1) != 0, out _);
            foreach (int bytes in (int[])[0, 1, 2, 4, 7]) PortPolicy.Write((ushort)port, bytes, Small(), management: (port & 1) == 0);
        }
    }

    [Fact]
    public void No_leaf_is_too_much_for_the_CPUID_policy()
    {
        for (int i = 0; i < Rounds; i++)
        {
            CpuidPolicy.Filter(Small(), Small(), guestOsXsave: (i & 1) != 0, guestPke: (i & 2) != 0, wideIds: (i & 4) != 0, new(Small(), Small(), Small(), Small()));
        }
    }

    [Fact]
    public void No_bytes_are_too_much_for_the_instruction_decoder()
    {
        Span<byte> bytes = stackalloc byte[MmioInstruction.MaxLength];
        for (int i = 0; i < Rounds; i++)
        {
            _random.NextBytes(bytes);
            if ((i & 1) != 0) bytes[0] = (byte)(0x40 | (i >> 1 & 15));
            if ((i & 2) != 0) bytes[i & 1] = (i >> 3 & 3) switch { 0 => 0x89, 1 => 0x8B, _ => 0xC7 };
            Span<byte> fetched = bytes[.._random.Next(MmioInstruction.MaxLength + 1)];
            if (!MmioInstruction.Decode(fetched, out MmioInstruction instruction)) continue;
            instruction.Length.ShouldBeInRange(2, fetched.Length);
            instruction.Register.ShouldBeInRange(0, 15);
        }
    }

    [Fact]
    public void No_access_is_too_much_for_the_IO_APIC_and_the_ICR()
    {
        var tables = new Tables(_random);
        var ioApic = default(IoApic);
        ioApic.Reset();
        for (int i = 0; i < Rounds; i++)
        {
            if (i % 64 == 0) tables.Shuffle();
            uint offset = (i & 3) switch { 0 => 0, 1 => 0x10, _ => Small() };
            ioApic.Write(offset, Small());
            ioApic.Read(offset);
            ioApic.Raise<NoHardware>(tables.Machine, _random.Next(Partitions), _random.Next(24));
            IcrPolicy.IsPlainFixed(Word());
            IcrPolicy.Write<NoHardware>(tables.Machine, _random.Next(Cores), Word());
        }
    }

    [Fact]
    public void No_request_of_the_management_partition_is_too_much_for_the_control_policy()
    {
        var tables = new Tables(_random);
        var request = new ControlRequest[1];
        Span<ulong> words = MemoryMarshal.Cast<ControlRequest, ulong>(request.AsSpan());
        for (int i = 0; i < Rounds / 4; i++)
        {
            if (i % 64 == 0) tables.Shuffle();
            for (int at = 0; at < 0x240 / sizeof(ulong); at++) words[at] = Word();
            for (int at = 0; at < ControlLayout.MaxOwnFunctions * sizeof(ushort) / sizeof(ulong); at++) words[0xA00 / sizeof(ulong) + at] = Word() & 0x0003_0003_0003_0003;
            if ((i & 16) != 0) request[0].FunctionCount = (uint)_random.Next(ControlLayout.MaxOwnFunctions + 2);
            if ((i & 1) != 0) request[0].Partition = (uint)_random.Next(Partitions);
            if ((i & 2) != 0) request[0].CoreCount = (uint)_random.Next(1, Cores + 1);
            if ((i & 4) != 0) request[0].ExtentCount = (uint)_random.Next(ControlLayout.MaxExtents + 2);
            if ((i & 6) == 6)
                for (int core = 0; core < Cores; core++) MemoryMarshal.Cast<ulong, uint>(words)[0x200 / sizeof(uint) + core] = (uint)core;
            uint operation = (i & 8) != 0 ? Small() : (uint)_random.Next(10);
            ControlStatus status = ControlPolicy.Execute<NoHardware>(tables.Machine, operation, in request[0], out _);
            Enum.IsDefined(status).ShouldBeTrue();
        }
    }

    [Fact]
    public void No_access_to_a_device_is_too_much_for_its_policy()
    {
        var tables = new Tables(_random);
        for (int i = 0; i < Rounds; i++)
        {
            if (i % 64 == 0) tables.Shuffle();
            int partition = _random.Next(Partitions);
            tables.Machine.Partitions[partition].ConfigAddress = Small();
            DevicePolicy.Locate(tables.Machine, partition, out _, out _);
            DevicePolicy.Remap(tables.Machine, partition, Word(), Small(), out _, out _);
            DevicePolicy.Refused<NoHardware>(tables.Machine, (ushort)_random.Next(Functions + 2));
            var function = new PciFunction { Msi = (byte)_random.Next(256), MsiX = (byte)_random.Next(256), MsiIsWide = (i & 1) != 0, IsRemapped = (i & 2) != 0 };
            int bytes = _random.Next(6);
            uint value = Small();
            function.Write((int)(Small() & 0xFF), ref bytes, ref value);
            function.Show((int)(Small() & 0xFC), Small());
        }
    }

    /// <summary>A machine in any state, the ones it never gets into among them.</summary>
    private sealed class Tables(Random random)
    {
        private readonly Core[] _cores = new Core[Cores];
        private readonly Partition[] _partitions = new Partition[Partitions];
        private readonly MemoryExtent[] _extents = new MemoryExtent[Partitions * ControlLayout.MaxExtents];
        private readonly MemoryEntry[] _memory = [new() { HostAddress = 1UL << 30, Bytes = 1UL << 30 }, new() { HostAddress = 1UL << 40, Bytes = 64UL << 30 }];
        private readonly PciFunction[] _functions = new PciFunction[Functions];
        private readonly ushort[] _window = [Machine.Nobody];

        public Machine Machine => new(_cores, _partitions, _extents, _memory, _functions, _window);

        public void Shuffle()
        {
            for (int i = 0; i < Cores; i++)
            {
                ushort owner = (ushort)random.Next(Partitions + 1);
                _cores[i] = new Core
                {
                    ApicId = (uint)i,
                    PhysicalCore = (uint)(i / 2),
                    Partition = owner == Partitions ? Machine.Nobody : owner,
                    Mode = (CoreMode)random.Next(Enum.GetValues<CoreMode>().Length),
                    Requests = (uint)random.Next(64),
                };
            }
            for (int i = 0; i < Partitions; i++)
                _partitions[i] = new Partition { State = (PartitionState)random.Next(Enum.GetValues<PartitionState>().Length), BootCore = (ushort)random.Next(Cores) };
            for (int i = 0; i < Functions; i++)
                _functions[i] = new PciFunction { Address = (ushort)i, Group = (ushort)(i / 2), Partition = random.Next(3) == 0 ? (ushort)random.Next(Partitions) : Machine.Nobody, IsAssignable = random.Next(4) != 0 };
            _window[0] = random.Next(2) == 0 ? Machine.Nobody : (ushort)random.Next(Partitions);
        }
    }
}
