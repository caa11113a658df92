using System;

namespace Osv.Monitor.Policy;

/// <summary>
/// A PCI function of the node that partition 0 owns, and what its configuration space shows (PCI 3.0, chapter 6).
/// Everything can be read but I/O base addresses, the expansion ROM and the interrupt pin, which are absent. Written can be:
/// the command register, base addresses (which only answer the size probe), and the MSI and MSI-X capabilities.
/// All else is dropped: a power state or a function-level reset would forget the base addresses.
/// </summary>
public unsafe struct PciFunction
{
    public const int BaseAddresses = 6, FirstBaseAddress = 0x10, SpaceBytes = 256;
    public const int Command = 0x04;
    private const int HeaderType = 0x0C, CardBus = 0x28, ExpansionRom = 0x30, Interrupt = 0x3C, HeaderEnd = 0x40;
    /// <summary>Memory space, bus master, parity and system errors, no INTx.</summary>
    private const uint CommandBits = 0x0546, IoSpace = 1, MultiFunction = 0x80_0000, BuiltInTest = 0xFF00_0000;

    /// <summary>Bus, device and function on the real bus, as in bits 23:8 of CF8h.</summary>
    public ushort Address;
    /// <summary>Where the message control words lie; 0: the function lacks that capability.</summary>
    public byte Msi, MsiX;
    /// <summary>A bit for every double word at 40h and above that may be written.</summary>
    private ulong _writable;
    private uint _probing;
    private fixed uint _base[BaseAddresses];
    private fixed uint _probe[BaseAddresses];

    /// <summary>Shows a memory base address register.</summary>
    /// <param name="value">Guest address and type bits, the low half of a 64-bit one.</param>
    /// <param name="probe">What it reads after all ones were written.</param>
    public void ShowBase(int index, uint value, uint probe)
    {
        _base[index] = value;
        _probe[index] = probe;
    }

    /// <summary>Opens a capability for writing.</summary>
    public void OpenCapability(int offset, int bytes)
    {
        for (int at = offset & ~3; at < offset + bytes && at < SpaceBytes; at += 4)
            if (at >= HeaderEnd) _writable |= 1UL << ((at - HeaderEnd) / 4);
    }

    /// <summary>What is shown of a double word that reads <paramref name="real"/>.</summary>
    public readonly uint Show(int offset, uint real) => offset switch
    {
        Command => real & ~IoSpace,
        HeaderType => real & ~(MultiFunction | BuiltInTest),
        >= FirstBaseAddress and < FirstBaseAddress + BaseAddresses * 4 => ShownBase((offset - FirstBaseAddress) / 4),
        CardBus or ExpansionRom or Interrupt => 0,
        _ => real,
    };

    private readonly uint ShownBase(int index) => (_probing >> index & 1) != 0 ? _probe[index] : _base[index];

    /// <summary>True: write <paramref name="value"/> to the real function, <paramref name="bytes"/> wide. Total over all arguments.</summary>
    public bool Write(int offset, ref int bytes, ref uint value)
    {
        if (offset is < 0 or >= SpaceBytes || bytes is not (1 or 2 or 4) || (offset & 3) + bytes > 4) return false;
        if (offset == Command)
        {
            // Of the status register above it nothing is cleared: its bits are errors of the past.
            if (bytes == 1) return false;
            bytes = 2;
            value &= CommandBits;
            return true;
        }
        if (offset is >= FirstBaseAddress and < FirstBaseAddress + BaseAddresses * 4)
        {
            if (bytes != 4) return false;
            uint bit = 1u << ((offset - FirstBaseAddress) / 4);
            _probing = value == 0xFFFF_FFFF ? _probing | bit : _probing & ~bit;
            return false;
        }
        return offset >= HeaderEnd && (_writable >> ((offset - HeaderEnd) / 4) & 1) != 0;
    }
}
