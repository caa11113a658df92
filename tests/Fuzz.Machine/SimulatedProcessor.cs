using System;
using System.Collections.Generic;
using System.Text;

namespace Osv.Monitor.Hardware;

/// <summary>
/// What the monitor sees of a processor and its node: CPUID, registers, ports with configuration space behind them. What it
/// writes is kept, for whoever wants to know whether it should have.
/// </summary>
public unsafe class SimulatedProcessor
{
    private const uint SelfReset = 0x8000;
    private const uint ApicId = 0x802, Icr = 0x830, TimerPort = 0x608, SerialStatus = 0x3FD, ConfigAddress = 0xCF8, ConfigData = 0xCFC;
    private const uint DeliveryMode = 0x700, Startup = 0x600;
    private readonly StringBuilder _serial = new();
    private uint _ticks, _config;
    private ulong _stamp;
    private int _pauses;

    /// <summary>The core that executes.</summary>
    public uint OwnId { get; set; }

    /// <summary>Bits of an APIC id that name a thread of a core.</summary>
    public int PhysicalShift { get; set; }
    public bool KeepWrites { get; set; }

    /// <summary>What CPUID says that not every processor does: EAX, EBX, ECX, EDX by leaf and subleaf.</summary>
    public Dictionary<(uint Leaf, uint Subleaf), uint[]> Leaves { get; } = [];
    public List<(uint Msr, ulong Value)> MsrWrites { get; } = [];
    public List<(uint Port, int Bytes, uint Value)> PortWrites { get; } = [];
    public List<(ushort Function, int Offset, int Bytes, uint Value)> ConfigWrites { get; } = [];

    /// <summary>What the monitor has said on the node's own serial port.</summary>
    public string Said => _serial.ToString();

    /// <summary>Configuration space: bus, device and function, and 256 bytes.</summary>
    public Dictionary<ushort, byte[]> Functions { get; } = [];

    /// <summary>A start-up interrupt was sent to this id.</summary>
    public Action<uint>? Started { get; set; }

    /// <summary>False when a range is not to be cleared for real.</summary>
    public Func<ulong, ulong, bool> MayClear { get; set; } = static (_, _) => true;

    public SimulatedIommu? Iommu { get; set; }

    /// <summary>Where accesses of 4 bytes go, with null for a load, instead of to memory.</summary>
    public Func<ulong, uint?, uint>? Device { get; set; }

    /// <summary>Memory for what the linker knows: page directories and the like.</summary>
    public byte* Symbols { get; set; }

    public void Forget()
    {
        MsrWrites.Clear();
        PortWrites.Clear();
        ConfigWrites.Clear();
        _serial.Clear();
        _ticks = _config = 0;
        _pauses = 0;
        _stamp = 0;
    }

    public ulong TimeStamp() => _stamp += 1_000_000;

    /// <summary>What other cores do while this one waits; true when one of them has done something.</summary>
    public Func<bool> Others { get; set; } = static () => false;

    public void Pause()
    {
        if (!Others() && ++_pauses > 1000) throw new InvalidOperationException("the monitor waits for something that nobody will do");
    }

    public uint In(uint port, int bytes)
    {
        if (port == TimerPort)
        {
            _pauses = 0;
            return _ticks = unchecked(_ticks + 0x4000);
        }
        if (port == SerialStatus) return 0x20;
        if (port is >= ConfigData and < ConfigData + 4) return ReadConfig();
        return uint.MaxValue;
    }

    private uint ReadConfig()
    {
        if (!Functions.TryGetValue((ushort)(_config >> 8 & 0xFFFF), out byte[]? space)) return uint.MaxValue;
        return BitConverter.ToUInt32(space, (int)(_config & 0xFC));
    }

    public void Out(uint port, int bytes, uint value)
    {
        if (port == 0x3F8) _serial.Append((char)value);
        if (port == ConfigAddress) _config = value;
        else if (port is >= ConfigData and < ConfigData + 4) WriteConfig((int)(_config & 0xFC) + (int)(port & 3), bytes, value);
        else if (KeepWrites && port is < 0x3F8 or > 0x3FF) PortWrites.Add((port, bytes, value));
    }

    /// <summary>Base addresses answer the size probe as 64 KiB of memory, a function-level reset forgets them; the rest is stored as it is.</summary>
    private void WriteConfig(int offset, int bytes, uint value)
    {
        ushort function = (ushort)(_config >> 8 & 0xFFFF);
        if (KeepWrites) ConfigWrites.Add((function, offset, bytes, value));
        if (!Functions.TryGetValue(function, out byte[]? space)) return;
        for (int i = 0; i < bytes && offset + i < space.Length; i++)
        {
            byte written = (byte)(value >> (i * 8) & 0xFF);
            bool sized = offset is >= 0x10 and < 0x28 && value == uint.MaxValue && (space[0x10] & 1) == 0;
            space[offset + i] = sized && i < 2 ? (byte)(i == 0 ? space[offset] & 0xF : 0) : written;
        }
        int express = FindExpress(space);
        if (express != 0 && offset == express + 8 && bytes >= 2 && (value & SelfReset) != 0) Reset(space, express);
    }

    /// <summary>Offset of the PCI Express capability; 0: none.</summary>
    private static int FindExpress(byte[] space)
    {
        const int Pointer = 0x34, Express = 0x10, Longest = 48;
        int at = space[Pointer] & 0xFC;
        for (int i = 0; i < Longest && at is >= 0x40 and <= 0xF0; i++)
        {
            if (space[at] == Express) return at;
            at = space[at + 1] & 0xFC;
        }
        return 0;
    }

    private static void Reset(byte[] space, int express)
    {
        for (int at = 0x10; at < 0x28; at += 4)
        {
            space[at] &= 0xF;
            space.AsSpan(at + 1, 3).Clear();
        }
        space.AsSpan(4, 2).Clear();
        space.AsSpan(express + 8, 2).Clear();
    }

    public ulong ReadMsr(uint msr) => msr == ApicId ? OwnId : 0;

    public void WriteMsr(uint msr, ulong value)
    {
        if (KeepWrites) MsrWrites.Add((msr, value));
        if (msr == Icr && (value & DeliveryMode) == Startup) Started?.Invoke((uint)(value >> 32));
    }

    public void WriteXcr(uint register, ulong value)
    {
        if (register != 0 || (value & 1) == 0) throw new InvalidOperationException("XSETBV would fault in the monitor");
    }

    public void Cpuid(uint leaf, uint subleaf, Span<uint> registers)
    {
        registers.Clear();
        if (Leaves.TryGetValue((leaf, subleaf), out uint[]? special))
        {
            special.CopyTo(registers);
            return;
        }
        switch (leaf)
        {
            case 1:
                registers[0] = 0x00A0_0F11;
                registers[2] = (1u << 21) | (1u << 26) | (1u << 31);
                break;
            case 0xB:
                registers[0] = (uint)PhysicalShift;
                registers[3] = OwnId;
                break;
            case 0xD:
                registers[0] = 0x207;
                registers[2] = 0x340;
                break;
            case 0x8000_0001:
                registers[2] = 4;
                registers[3] = 1u << 27;
                break;
            case 0x8000_000A:
                registers[1] = 0x8000;
                registers[3] = 1;
                break;
            case 0x8000_0008:
                registers[0] = 48;
                registers[1] = (1u << 12) | (1u << 14);
                break;
        }
    }

    /// <summary>Bytes that <see cref="Symbols"/> must have.</summary>
    public const int SymbolBytes = 0x1_0000;

    public byte* Symbol(int which)
    {
        const ulong Image = 0x10_0000;
        return which switch
        {
            0 => (byte*)Image,
            1 => (byte*)(Image + 0x8000),
            2 => (byte*)(Image + 0xC000),
            3 => (byte*)(Image + 0x1_0000),
            8 => Symbols + 0x6000,
            9 => Symbols + 0x1000,
            10 => (byte*)(Image + 0xD000),
            7 => Symbols + 0x800,
            _ => Symbols,
        };
    }
}
