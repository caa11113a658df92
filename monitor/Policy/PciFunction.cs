using System;

namespace Osv.Monitor.Policy;

/// <summary>What becomes of a write to a function's configuration space.</summary>
public enum ConfigWrite
{
    Dropped,
    /// <summary>Goes to the real function, as wide as it was made.</summary>
    Real,
    /// <summary>The MSI message or its control changed: the interrupt is to be set up anew.</summary>
    Message,
}

/// <summary>
/// A PCI function of the node that can have an owner, and what its configuration space shows (PCI 3.0, chapter 6).
/// Everything can be read but I/O base addresses, the expansion ROM and the interrupt pin, which are absent. Written can be:
/// the command register, base addresses (which only answer the size probe), and the MSI and MSI-X capabilities.
/// All else is dropped: a power state or a function-level reset would forget the base addresses.
/// </summary>
public unsafe struct PciFunction
{
    public const int BaseAddresses = 6, FirstBaseAddress = 0x10, SpaceBytes = 256;
    public const int Command = 0x04;
    private const int HeaderType = 0x0C, CardBus = 0x28, ExpansionRom = 0x30, Interrupt = 0x3C, HeaderEnd = 0x40;
    /// <summary>Memory space, bus master, parity errors. INTx stays off, and so do system errors: they are the platform's, which all share.</summary>
    private const uint CommandBits = 0x0046, NoInterruptPin = 0x400, IoSpace = 1, MultiFunction = 0x80_0000, BuiltInTest = 0xFF00_0000;
    /// <summary>Of the double word with the MSI control in its high half: one message, where several could be wanted.</summary>
    private const uint SeveralMessages = 0x007E_0000, MsiXBits = 0xC000;

    /// <summary>Bus, device and function on the real bus, as in bits 23:8 of CF8h.</summary>
    public ushort Address;
    /// <summary>The id under which a bridge to conventional PCI above it passes on what it does (PCI Express to PCI Bridge 1.0, 2.3); 0: there is none.</summary>
    public ushort Alias;
    /// <summary>What AMD-Vi knows it by.</summary>
    public readonly ushort Requester => Alias != 0 ? Alias : Address;
    /// <summary>Functions that can reach each other past the IOMMU have the same.</summary>
    public ushort Group;
    /// <summary>Owner, or <see cref="Machine.Nobody"/>.</summary>
    public ushort Partition;
    /// <summary>It is confined and can be reset.</summary>
    public bool IsAssignable;
    /// <summary>Interrupts are remapped: the message that its owner writes is kept here, never in the function.</summary>
    public bool IsRemapped;
    /// <summary>Where the capabilities lie; 0: the function lacks that one.</summary>
    public byte Msi, MsiX, Express;
    public bool MsiIsWide;
    /// <summary>The bridge above it whose secondary bus reset resets it; 0: none, or it can reset itself.</summary>
    public ushort Bridge;
    public bool CanResetItself;
    /// <summary>What reset forgets: real base addresses, and the device control of the PCI Express capability.</summary>
    public fixed uint RealBase[BaseAddresses];
    public uint DeviceControl;
    /// <summary>The pages of the MSI-X table: guest and host address, bytes, where in them it begins, and its entries.</summary>
    public ulong TableGuest, TableHost;
    public uint TableBytes, TableStart, TableEntries;
    /// <summary>The MSI message as the owner wrote it.</summary>
    public ulong MessageAddress;
    public uint MessageData;
    /// <summary>A bit for every double word at 40h and above that may be written.</summary>
    private ulong _writable;
    private uint _probing;
    private fixed uint _base[BaseAddresses];
    private fixed uint _probe[BaseAddresses];

    private readonly int DataOffset => Msi + (MsiIsWide ? 12 : 8);

    /// <summary>Shows a memory base address register.</summary>
    /// <param name="value">Guest address and type bits, the low half of a 64-bit one.</param>
    /// <param name="probe">What it reads after all ones were written.</param>
    public void ShowBase(int index, uint value, uint probe)
    {
        _base[index] = value;
        _probe[index] = probe;
    }

    public readonly uint BaseShown(int index) => _base[index];

    /// <summary>Opens a capability for writing.</summary>
    public void OpenCapability(int offset, int bytes)
    {
        for (int at = offset & ~3; at < offset + bytes && at < SpaceBytes; at += 4)
            if (at >= HeaderEnd) _writable |= 1UL << ((at - HeaderEnd) / 4);
    }

    /// <summary>As after a reset: no interrupt, no size probe.</summary>
    public void Forget()
    {
        MessageAddress = 0;
        MessageData = 0;
        _probing = 0;
    }

    /// <summary>What is shown of a double word that reads <paramref name="real"/>.</summary>
    public readonly uint Show(int offset, uint real)
    {
        if (IsRemapped && Msi != 0)
        {
            if (offset == Msi) return real & ~SeveralMessages;
            if (offset == Msi + 4) return (uint)(MessageAddress & 0xFFFF_FFFF);
            if (offset == DataOffset) return MessageData;
            if (offset == Msi + 8) return (uint)(MessageAddress >> 32);
        }
        return offset switch
        {
            Command => real & ~IoSpace,
            HeaderType => real & ~(MultiFunction | BuiltInTest),
            >= FirstBaseAddress and < FirstBaseAddress + BaseAddresses * 4 => ShownBase((offset - FirstBaseAddress) / 4),
            CardBus or ExpansionRom or Interrupt => 0,
            _ => real,
        };
    }

    private readonly uint ShownBase(int index) => (_probing >> index & 1) != 0 ? _probe[index] : _base[index];

    /// <summary>What to do with a write, and with which value. Total over all arguments.</summary>
    public ConfigWrite Write(int offset, ref int bytes, ref uint value)
    {
        if (offset is < 0 or >= SpaceBytes || bytes is not (1 or 2 or 4) || (offset & 3) + bytes > 4) return ConfigWrite.Dropped;
        if (offset == Command)
        {
            // Of the status register above it nothing is cleared: its bits are errors of the past.
            if (bytes == 1) return ConfigWrite.Dropped;
            bytes = 2;
            value = (value & CommandBits) | NoInterruptPin;
            return ConfigWrite.Real;
        }
        if (offset is >= FirstBaseAddress and < FirstBaseAddress + BaseAddresses * 4)
        {
            if (bytes != 4) return ConfigWrite.Dropped;
            uint bit = 1u << ((offset - FirstBaseAddress) / 4);
            _probing = value == 0xFFFF_FFFF ? _probing | bit : _probing & ~bit;
            return ConfigWrite.Dropped;
        }
        if (IsRemapped && WriteMessage(offset, bytes, ref value, out ConfigWrite result)) return result;
        return offset >= HeaderEnd && (_writable >> ((offset - HeaderEnd) / 4) & 1) != 0 ? ConfigWrite.Real : ConfigWrite.Dropped;
    }

    /// <summary>MSI and MSI-X of a function whose interrupts are remapped, by the widths in which drivers write them. False: none of these.</summary>
    private bool WriteMessage(int offset, int bytes, ref uint value, out ConfigWrite result)
    {
        result = ConfigWrite.Dropped;
        if (MsiX != 0 && (offset & ~3) == MsiX)
        {
            if (offset != MsiX + 2 || bytes != 2) return true;
            value &= MsiXBits;
            result = ConfigWrite.Real;
            return true;
        }
        if (Msi == 0 || offset < Msi || offset >= DataOffset + 4) return false;
        if (offset == Msi + 2 && bytes == 2)
        {
            value &= 1;
            result = ConfigWrite.Message;
            return true;
        }
        if (offset == DataOffset && bytes != 1) MessageData = value & 0xFFFF;
        else if (bytes != 4) return true;
        else if (offset == Msi + 4) MessageAddress = (MessageAddress & 0xFFFF_FFFF_0000_0000) | value;
        else if (offset == Msi + 8) MessageAddress = (MessageAddress & 0xFFFF_FFFF) | ((ulong)value << 32);
        else return true;
        result = ConfigWrite.Message;
        return true;
    }
}
