using System;

namespace Osv.Ring0.Attacker.Cases;

/// <summary>I/O ports: all of them, in all widths. A partition has a console, a panic, a sleep and a reset port, and a timer to read.</summary>
public static unsafe class PortCases
{
    private const uint Address = 0xCF8, Data = 0xCFC, Serial = 0x3F8;

    private static ReadOnlySpan<ushort> Dangerous =>
    [
        0x00, 0x08, 0x0B, 0x0F, 0x20, 0x21, 0x40, 0x43, 0x60, 0x61, 0x62, 0x66, 0x70, 0x71, 0x72, 0x80, 0x81, 0x87, 0x8F, 0xA0, 0xA1, 0xB2, 0xB3, 0xC0, 0xD6, 0xDF, 0xE9, 0xF0, 0xF4,
        0x170, 0x1F0, 0x1F7, 0x2E8, 0x2F8, 0x378, 0x3C0, 0x3D4, 0x3F2, 0x3F6, 0x402, 0x4D0, 0x4D1, 0x501, 0x510, 0x511, 0x514, 0x518, 0x600, 0x602, 0x620, 0x628, 0x630, 0x634, 0x660, 0x668, 0x700,
        0xCD4, 0xCD6, 0xCD7, 0xCD8, 0xCFC, 0xCFE, 0xC00, 0xC01, 0xAE00, 0xAE08, 0xB044, 0x5600, 0x5601, 0x5602, 0x5603, 0x5658, 0x5659, 0x8900, 0xC000, 0xFFFC, 0xFFFD, 0xFFFE, 0xFFFF,
    ];

    public static void Run()
    {
        for (int i = 0; i < Dangerous.Length; i++)
        {
            InOut(Dangerous[i], 1);
            InOut(Dangerous[i], 2);
            InOut(Dangerous[i], 4);
        }
        ReadAll();
        WriteAll();
        ConfigurationSpace();
        SleepOfTheMachine();
        Doorbell();
        Strings();
    }

    private static uint Execute(int bytes, bool input, uint port, ref ulong value)
    {
        Registers registers = default;
        registers.Rdx = port;
        registers.Rax = value;
        uint fault = input
            ? bytes switch { 1 => Probe.Run([0xEC], ref registers), 2 => Probe.Run([0x66, 0xED], ref registers), _ => Probe.Run([0xED], ref registers) }
            : bytes switch { 1 => Probe.Run([0xEE], ref registers), 2 => Probe.Run([0x66, 0xEF], ref registers), _ => Probe.Run([0xEF], ref registers) };
        value = registers.Rax;
        return fault;
    }

    /// <summary>Writes zero, ones and a counting pattern, then reads: as if nothing were there.</summary>
    private static void InOut(ushort port, int bytes)
    {
        Case.Name("port"u8);
        Case.AndHex(port);
        Case.AndHex((ulong)bytes);
        ulong mask = bytes == 4 ? 0xFFFF_FFFF : (1UL << (bytes * 8)) - 1;
        uint faults = 0;
        for (int i = 0; i < 3; i++)
        {
            ulong written = i switch { 0 => 0ul, 1 => mask, _ => 0x0807_0605 & mask };
            if (Execute(bytes, false, port, ref written) != Probe.None) faults++;
        }
        const ulong Before = 0x1111_2222_3333_4444;
        ulong value = Before;
        if (Execute(bytes, true, port, ref value) != Probe.None) faults++;
        ulong above = bytes == 4 ? 0 : Before & ~mask;
        ulong constant = port switch { 0x61 => 0x20, 0x71 or 0x42 => 0, _ => mask };
        Case.Verdict(faults == 0 && value == (above | constant), "absent"u8, value, faults);
    }

    /// <summary>The console and the timer.</summary>
    internal static bool IsOwn(uint port) =>
        port is >= Serial and < Serial + 8 || (port >= Interrupts.Parameters->TimerPort && port < Interrupts.Parameters->TimerPort + 4);

    /// <summary>Written with the right value these end or report this partition: they are endings of their own.</summary>
    internal static bool Ends(uint port) => port is 0x64 or 0x92 or 0xCF9 or 0x604 or 0x505;

    private static void ReadAll()
    {
        Case.Name("port-read-all"u8);
        ulong strange = 0, last = 0;
        for (uint port = 0; port < 0x1_0000; port++)
        {
            if (IsOwn(port)) continue;
            // 505h names the events that the panic port takes.
            byte expected = port switch { 0x61 => 0x20, 0x42 or 0x64 or 0x71 => 0, 0x505 => 3, _ => 0xFF };
            if (Cpu.In8(port) == expected) continue;
            strange++;
            last = port;
        }
        Case.Verdict(strange == 0, "all absent"u8, strange, last);
    }

    private static void WriteAll()
    {
        Case.Name("port-write-all"u8);
        for (uint port = 0; port < 0x1_0000; port++)
        {
            if (IsOwn(port) || Ends(port)) continue;
            Cpu.Out8(port, (byte)(port * 7 + 1));
        }
        Case.Verdict(true, "ignored"u8);
    }

    /// <summary>Every function of every bus is absent, and writing to the whole of bus 0 changes nothing.</summary>
    private static void ConfigurationSpace()
    {
        Case.Name("pci-read-all-devices"u8);
        ulong seen = 0, where = 0;
        // Function 0 of every device of every bus, and the other functions of bus 0.
        for (uint function = 0; function < 0x1_0000; function += function < 256 ? 1u : 8)
        {
            Cpu.Out32(Address, 0x8000_0000 | (function << 8));
            if (Cpu.In32(Data) == 0xFFFF_FFFF) continue;
            seen++;
            where = function;
        }
        Case.Verdict(seen == 0, "absent"u8, seen, where);

        Case.Name("pci-write-bus-0"u8);
        for (uint function = 0; function < 256; function++)
        {
            for (uint register = 4; register < 64; register += 12)
            {
                Cpu.Out32(Address, 0x8000_0000 | (function << 8) | register);
                Cpu.Out32(Data, 0xFFFF_FFFF);
            }
        }
        Cpu.Out32(Address, 0x8000_0800);
        ulong vendor = Cpu.In32(Data);
        Case.Verdict(vendor == 0xFFFF_FFFF, "ignored"u8, vendor);

        Case.Name("pci-address-register"u8);
        ulong address = Cpu.In32(Address);
        Case.Verdict(address == 0xFFFF_FFFF, "absent"u8, address);
    }

    /// <summary>SLP_EN with every sleep type, in the words a real machine's power-management block takes.</summary>
    private static void SleepOfTheMachine()
    {
        for (uint type = 0; type < 8; type++)
        {
            Case.Name("acpi-sleep-type"u8);
            Case.AndHex(type);
            ulong value = 0x2000 | (type << 10);
            uint fault = Execute(2, false, 0x604, ref value);
            Case.Verdict(fault == Probe.None, "ignored"u8, fault);
        }
    }

    private static void Doorbell()
    {
        for (uint operation = 0; operation <= 9; operation++)
        {
            Case.Name("doorbell"u8);
            Case.AndHex(operation);
            ulong value = operation;
            uint fault = Execute(4, false, 0x5600, ref value);
            ulong answer = 0;
            Execute(4, true, 0x5600, ref answer);
            Case.Verdict(fault == Probe.None && answer == 0xFFFF_FFFF, "absent"u8, answer, fault);
        }
    }

    /// <summary>INS and OUTS: nothing moves, whatever the count and the address.</summary>
    private static void Strings()
    {
        Text("outsb-huge"u8, [0xF3, 0x6E], 0x80, 0x20_0000, 0xFFFF_FFFF_FFFF_FFFF);
        Text("outsd-beyond"u8, [0xF3, 0x6F], 0x80, 0xC000_0000, 1 << 30);
        Text("outsb-not-canonical"u8, [0xF3, 0x6E], 0x80, 0x8000_0000_0000_0000, 16);
        Text("outsb-console"u8, [0xF3, 0x6E], 0x3F8, 0x20_0000, 1 << 30);
        Text("outsd-pci"u8, [0xF3, 0x6F], 0xCFC, 0x20_0000, 1 << 20);
        Text("outsw-doorbell"u8, [0xF3, 0x66, 0x6F], 0x5600, 0x20_0000, 1 << 20);
        Text("outsb-narrow-address"u8, [0xF3, 0x67, 0x6E], 0x80, 0xFFFF_FFFF, 0xFFFF_FFFF);
        Text("outsb-fs"u8, [0xF3, 0x64, 0x6E], 0x80, 0x20_0000, 16);
        Text("outsb-reset"u8, [0x6E], 0xCF9, 0x20_0000, 1);
        Text("insb-huge"u8, [0xF3, 0x6C], 0x80, 0x20_0000, 0xFFFF_FFFF_FFFF_FFFF);
        Text("insd-beyond"u8, [0xF3, 0x6D], 0x80, 0xC000_0000, 1 << 30);
        Text("insd-fw-cfg"u8, [0xF3, 0x6D], 0x511, 0x90_0000, 64);
        Text("insb-not-canonical"u8, [0xF3, 0x6C], 0x80, 0x8000_0000_0000_0000, 16);
        Text("insb-console"u8, [0xF3, 0x6C], 0x3F8, 0x90_0000, 1 << 20);
        Text("insw-narrow-address"u8, [0xF3, 0x66, 0x67, 0x6D], 0x80, 0xFFFF_FFFF, 0xFFFF_FFFF);
        Text("insb-single"u8, [0x6C], 0x5600, 0x90_0000, 7);
    }

    private static void Text(ReadOnlySpan<byte> name, ReadOnlySpan<byte> code, uint port, ulong address, ulong count)
    {
        Case.Name("string"u8);
        Case.And(name);
        Registers registers = default;
        registers.Rdx = port;
        registers.Rsi = registers.Rdi = address;
        registers.Rcx = count;
        uint fault = Probe.Run(code, ref registers);
        Case.Verdict(fault is Probe.None or Probe.Protection or Probe.Page or 12, "ends at once"u8, fault, registers.Rcx);
    }
}
