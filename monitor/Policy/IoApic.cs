using System;
using Osv.Contracts.BootInterface;
using Osv.Contracts.ControlDevice;

namespace Osv.Monitor.Policy;

/// <summary>
/// A tenant's I/O APIC (82093AA data sheet; FEC0_0000h): 24 pins, of which only the serial port's is wired, so that a
/// console that waits for input costs nothing. Edge-triggered: there is no end-of-interrupt to see.
/// A redirection entry is never written to hardware: it says which core of the partition gets which vector.
/// </summary>
public unsafe struct IoApic
{
    public const ulong Address = GuestMap.IoApic, Bytes = 0x1000;
    public const int SerialPin = (int)GuestMap.SerialInterrupt;

    private const int Pins = 24;
    private const uint SelectOffset = 0x00, WindowOffset = 0x10;
    private const uint VersionRegister = 1, FirstEntry = 0x10;
    /// <summary>Version 11h, highest pin in bits 23:16.</summary>
    private const uint Version = 0x11 | ((Pins - 1) << 16);
    private const uint Defined = 0x1_AFFF, Masked = 1 << 16;
    private const uint Fixed = 0, LowestPriority = 1;

    private uint _select;
    private fixed uint _entries[Pins * 2];

    /// <summary>As at power-up: every pin masked.</summary>
    public void Reset()
    {
        _select = 0;
        for (int pin = 0; pin < Pins; pin++)
        {
            _entries[pin * 2] = Masked;
            _entries[pin * 2 + 1] = 0;
        }
    }

    /// <param name="offset">Bytes from <see cref="Address"/>.</param>
    public uint Read(uint offset)
    {
        if (offset == SelectOffset) return _select;
        if (offset != WindowOffset) return 0;
        if (_select == VersionRegister) return Version;
        return EntryIndex(out int index) ? _entries[index] : 0;
    }

    public void Write(uint offset, uint value)
    {
        if (offset == SelectOffset) _select = value & 0xFF;
        else if (offset == WindowOffset && EntryIndex(out int index)) _entries[index] = (index & 1) == 0 ? value & Defined : value;
    }

    private bool EntryIndex(out int index)
    {
        index = (int)_select - (int)FirstEntry;
        return index is >= 0 and < Pins * 2;
    }

    /// <summary>A rising edge on a pin: the interrupt goes to the entry's core if that is a running core of the partition.</summary>
    public bool Raise<THardware>(Machine machine, int partition, int pin)
        where THardware : struct, IHardware
    {
        if (pin is < 0 or >= Pins) return false;
        uint low = _entries[pin * 2], high = _entries[pin * 2 + 1];
        uint mode = (low >> 8) & 7;
        const uint Logical = 1 << 11;
        if ((low & (Masked | Logical)) != 0 || mode is not (Fixed or LowestPriority) || (low & 0xFF) < 16) return false;
        // Bits 31:24 are the id, 23:17 its bits 14:8 (extended destination id, CPUID 4000_0001h EAX[15]).
        uint destination = (high >> 24) | (((high >> 17) & 0x7F) << 8);
        int core = machine.FindCore(destination);
        if (core < 0 || machine.Cores[core].Partition != partition || machine.Cores[core].Mode != CoreMode.Running) return false;
        THardware.SendInterrupt(destination, (byte)(low & 0xFF));
        return true;
    }
}
