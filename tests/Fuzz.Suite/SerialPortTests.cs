using System.Runtime.InteropServices;
using Osv.Contracts.ControlDevice;
using Osv.Monitor.Hardware;

namespace Osv.Fuzz.Tests;

/// <summary>A tenant's serial port, register by register (PC16550D data sheet, 8.6).</summary>
public sealed unsafe class SerialPortTests : IDisposable
{
    private const int Partition = 1;
    private const int Data = 0, InterruptEnable = 1, InterruptIdentification = 2;
    private const byte Receive = 1, Transmit = 2;
    private const uint None = 1, TransmitterEmpty = 2, DataAvailable = 4;

    private readonly byte* _before = Node.Shared;
    private readonly byte* _shared = (byte*)NativeMemory.AllocZeroed(ControlLayout.ConsoleOffset + 2 * (uint)ControlLayout.ConsoleBytes);
    private SerialPort _port;

    public SerialPortTests()
    {
        Node.Shared = _shared;
        _port.Reset(Partition);
    }

    public void Dispose()
    {
        Node.Shared = _before;
        NativeMemory.Free(_shared);
    }

    /// <summary>Linux enables the interrupt twice and wants to see it twice; a handler on another core may read in between. What it misses makes it poll for ever.</summary>
    [Fact]
    public void Every_core_that_asks_sees_the_empty_transmitter()
    {
        for (int round = 0; round < 2; round++)
        {
            _port.Write(Partition, InterruptEnable, Transmit);
            _port.Interrupting(Partition).ShouldBeTrue();
            _port.Read(Partition, InterruptIdentification).ShouldBe(TransmitterEmpty, "the handler on another core");
            _port.Read(Partition, InterruptIdentification).ShouldBe(TransmitterEmpty, "the core that tries the port");
            _port.Interrupting(Partition).ShouldBeFalse("who was told is not interrupted for it");
            _port.Write(Partition, InterruptEnable, 0);
            _port.Read(Partition, InterruptIdentification).ShouldBe(None);
        }
    }

    [Fact]
    public void Each_byte_after_a_look_interrupts_anew()
    {
        _port.Write(Partition, InterruptEnable, Transmit);
        for (int i = 0; i < 3; i++)
        {
            _port.Read(Partition, InterruptIdentification).ShouldBe(TransmitterEmpty);
            _port.Interrupting(Partition).ShouldBeFalse();
            _port.Write(Partition, Data, (byte)'x');
            _port.Interrupting(Partition).ShouldBeTrue();
        }
        _port.Write(Partition, InterruptEnable, Receive);
        _port.Interrupting(Partition).ShouldBeFalse();
    }

    [Fact]
    public void What_was_typed_comes_first_and_interrupts_until_it_is_read()
    {
        ref uint typed = ref ((ConsoleHeader*)(_shared + ControlLayout.ConsoleOffset + Partition * (uint)ControlLayout.ConsoleBytes))->InputHead;
        _port.Write(Partition, InterruptEnable, Receive | Transmit);
        _port.Read(Partition, InterruptIdentification).ShouldBe(TransmitterEmpty);
        typed++;
        _port.Interrupting(Partition).ShouldBeTrue();
        for (int i = 0; i < 2; i++) _port.Read(Partition, InterruptIdentification).ShouldBe(DataAvailable);
        _port.Interrupting(Partition).ShouldBeTrue();
        _port.Read(Partition, Data).ShouldBe(0u);
        _port.Interrupting(Partition).ShouldBeFalse();
        _port.Read(Partition, InterruptIdentification).ShouldBe(TransmitterEmpty);
    }
}
