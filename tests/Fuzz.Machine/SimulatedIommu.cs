using System;
using System.Collections.Generic;
using System.Linq;

namespace Osv.Monitor.Hardware;

/// <summary>
/// AMD-Vi as far as the monitor asks something of it: registers in ordinary memory, commands that are done when they are
/// given, an event log. It remembers an entry of the device table until it is told to forget it, as a real one may.
/// </summary>
/// <param name="registers">4 pages.</param>
public sealed unsafe class SimulatedIommu(byte* registers)
{
    public const int RegisterBytes = 0x4000;
    private const int CommandBase = 8, EventBase = 0x10, Features = 0x30, CommandTail = 0x2008, EventTail = 0x2018, Status = 0x2020;
    private const ulong WideIds = 1 << 2, InvalidatesAll = 1 << 6, WideEntries = 1 << 7, EventInterrupt = 2, AddressMask = 0x000F_FFFF_FFFF_F000;
    private readonly Dictionary<ushort, (ulong, ulong, ulong)> _remembered = [];
    private ulong _head, _eventHead;

    public byte* Registers => registers;

    /// <summary>The device table, as the register names it.</summary>
    public ulong* DeviceTable => (ulong*)(*(ulong*)registers & AddressMask);

    /// <summary>As after power on; the table is not looked at yet.</summary>
    public void Reset()
    {
        new Span<byte>(registers, RegisterBytes).Clear();
        *(ulong*)(registers + Features) = WideIds | InvalidatesAll | WideEntries;
        _remembered.Clear();
        _head = _eventHead = 0;
    }

    /// <summary>What it knows of these functions is what the table says now.</summary>
    public void Remember(IEnumerable<ushort> functions)
    {
        foreach (ushort function in functions) _remembered[function] = Entry(function);
        _head = *(ulong*)(registers + CommandTail);
        _eventHead = 0;
    }

    /// <summary>It would use an old entry.</summary>
    public bool IsStale(ushort function) => _remembered.TryGetValue(function, out var entry) && entry != Entry(function);

    private (ulong, ulong, ulong) Entry(ushort function) => (DeviceTable[function * 4], DeviceTable[function * 4 + 1], DeviceTable[function * 4 + 2]);

    public void Stored(ulong* address)
    {
        if ((byte*)address != registers + CommandTail) return;
        for (; _head != *address; _head = (_head + 16) & 0xFFF)
        {
            var command = (ulong*)((*(ulong*)(registers + CommandBase) & AddressMask) + _head);
            switch (command[0] >> 60)
            {
                case 1: *(ulong*)(command[0] & AddressMask) = command[1]; break;
                case 2: _remembered[(ushort)(command[0] & 0xFFFF)] = Entry((ushort)(command[0] & 0xFFFF)); break;
                case 3 or 5: break;
                case 8:
                    foreach (ushort function in _remembered.Keys.ToArray()) _remembered[function] = Entry(function);
                    break;
                default: throw new InvalidOperationException("the IOMMU is given a command that it would refuse");
            }
        }
    }

    /// <summary>An access is refused.</summary>
    public void Refuse(ushort function, ulong address)
    {
        var entry = (ulong*)((*(ulong*)(registers + EventBase) & AddressMask) + _eventHead);
        entry[1] = address;
        entry[0] = 2UL << 60 | function;
        _eventHead = (_eventHead + 16) & 0xFFF;
        *(ulong*)(registers + EventTail) = _eventHead;
        *(ulong*)(registers + Status) |= EventInterrupt;
    }
}
