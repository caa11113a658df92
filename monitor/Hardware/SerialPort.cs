using Osv.Contracts.ControlDevice;

namespace Osv.Monitor.Hardware;

/// <summary>
/// A tenant's 16550A at 3F8h (PC16550D data sheet), its far end in the console rings of the control device.
/// All ring positions that come from there are untrusted and masked.
/// </summary>
public unsafe struct SerialPort
{
    private byte _interruptEnable, _lineControl, _modemControl, _scratch, _divisorLow, _divisorHigh, _fifo;
    /// <summary>The transmitter has become empty since anybody was told: it always is, so this is set again by each byte.</summary>
    private bool _transmitterEmptied;
    /// <summary>The monitor's own positions: what partition 0 writes into the shared header is only ever compared.</summary>
    private uint _outputHead;
    private uint _inputTail;

    private const byte DivisorLatch = 0x80, Loop = 0x10;
    private const byte ReceiveInterrupt = 1, TransmitInterrupt = 2;
    private const uint NoInterrupt = 1, TransmitterEmpty = 2, DataAvailable = 4;

    /// <summary>Registers as at power-up. What was typed and never read is dropped: it was meant for the last owner.</summary>
    public void Reset(int partition)
    {
        ConsoleHeader* header = (ConsoleHeader*)Block(partition);
        _inputTail = Cpu.Load32(&header->InputHead);
        Cpu.Store32(&header->InputTail, _inputTail);
        _interruptEnable = _lineControl = _modemControl = _scratch = _divisorLow = _divisorHigh = _fifo = 0;
        _transmitterEmptied = false;
    }

    private static byte* Block(int partition) => Node.Shared + ControlLayout.ConsoleOffset + (uint)partition * ControlLayout.ConsoleBytes;

    private bool InputReady(int partition) => Cpu.Load32(&((ConsoleHeader*)Block(partition))->InputHead) != _inputTail;

    private bool Receives(int partition) => (_interruptEnable & ReceiveInterrupt) != 0 && InputReady(partition);

    private bool Transmits => (_interruptEnable & TransmitInterrupt) != 0;

    /// <summary>The level of the interrupt line.</summary>
    public bool Interrupting(int partition) => Receives(partition) || (Transmits && _transmitterEmptied);

    /// <summary>
    /// Low bits of the interrupt identification register, by priority. Reading it lowers the line, but the transmitter stays the reason: Linux
    /// (serial8250_do_startup) reads it twice and would poll for ever if a handler on another core that read in between had used it up.
    /// </summary>
    private uint Identify(int partition) => Receives(partition) ? DataAvailable : Transmits ? TransmitterEmpty : NoInterrupt;

    public uint Read(int partition, int register)
    {
        bool latch = (_lineControl & DivisorLatch) != 0;
        switch (register)
        {
            case 0:
                return latch ? _divisorLow : TakeInput(partition);
            case 1:
                return latch ? _divisorHigh : _interruptEnable;
            case 2:
                uint reason = Identify(partition);
                if (reason == TransmitterEmpty) _transmitterEmptied = false;
                return reason | ((_fifo & 1) != 0 ? 0xC0u : 0);
            case 3: return _lineControl;
            case 4: return _modemControl;
            case 5: return InputReady(partition) ? 0x61u : 0x60u;
            case 6:
                if ((_modemControl & Loop) == 0) return 0xB0;
                return ((_modemControl & 1u) << 5) | ((_modemControl & 2u) << 3) | ((_modemControl & 4u) << 4) | ((_modemControl & 8u) << 4);
            default: return _scratch;
        }
    }

    public void Write(int partition, int register, byte value)
    {
        bool latch = (_lineControl & DivisorLatch) != 0;
        switch (register)
        {
            case 0 when latch: _divisorLow = value; break;
            case 1 when latch: _divisorHigh = value; break;
            case 0:
                if ((_modemControl & Loop) == 0) PutOutput(partition, value);
                _transmitterEmptied = true;
                break;
            case 1:
                if ((value & ~_interruptEnable & TransmitInterrupt) != 0) _transmitterEmptied = true;
                _interruptEnable = (byte)(value & 0xF);
                break;
            case 2: _fifo = value; break;
            case 3: _lineControl = value; break;
            case 4: _modemControl = (byte)(value & 0x1F); break;
            case 7: _scratch = value; break;
        }
    }

    private uint TakeInput(int partition)
    {
        if (!InputReady(partition)) return 0;
        byte* block = Block(partition);
        uint value = block[ControlLayout.ConsoleInputOffset + (_inputTail & (ControlLayout.ConsoleInputBytes - 1))];
        _inputTail = unchecked(_inputTail + 1);
        Cpu.Store32(&((ConsoleHeader*)block)->InputTail, _inputTail);
        return value;
    }

    /// <summary>When nobody reads, the newest bytes are dropped and counted: the guest is never held up. But the last words of the node displace the oldest.</summary>
    public void PutOutput(int partition, byte value)
    {
        byte* block = Block(partition);
        ConsoleHeader* header = (ConsoleHeader*)block;
        if (unchecked(_outputHead - Cpu.Load32(&header->OutputTail)) >= ControlLayout.ConsoleOutputBytes && !Panic.IsOver)
        {
            header->OutputLost = unchecked(header->OutputLost + 1);
            return;
        }
        block[ControlLayout.ConsoleOutputOffset + (_outputHead & (ControlLayout.ConsoleOutputBytes - 1))] = value;
        _outputHead = unchecked(_outputHead + 1);
        Cpu.Store32(&header->OutputHead, _outputHead);
    }
}
