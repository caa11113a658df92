using System;

namespace Osv.Ring0.Attacker.Cases;

/// <summary>
/// Every port, read and written 1, 2 and 4 bytes wide, also by string instructions: as if nothing were there. One case for
/// each 4,096 ports, width and direction. The partition's own console and timer have cases of their own.
/// </summary>
public static unsafe class PortSweep
{
    private const uint PerCase = 0x1000, Ports = 0x1_0000;
    private const ulong Buffer = 0x90_0000;

    public static void Run()
    {
        for (uint first = 0; first < Ports; first += PerCase)
        {
            for (int bytes = 1; bytes <= 4; bytes *= 2)
            {
                Read(first, bytes);
                Write(first, bytes);
                String(first, bytes, input: true);
                String(first, bytes, input: false);
            }
        }
    }

    private static void Read(uint first, int bytes)
    {
        Begin("port-sweep-in"u8, first, bytes);
        uint wrong = 0, last = 0;
        ulong mask = Mask(bytes);
        for (uint port = first; port < first + PerCase; port++)
        {
            if (PortCases.IsOwn(port)) continue;
            Registers registers = default;
            registers.Rdx = port;
            uint fault = bytes switch { 1 => Probe.Run([0xEC], ref registers), 2 => Probe.Run([0x66, 0xED], ref registers), _ => Probe.Run([0xED], ref registers) };
            if (fault == Probe.None && registers.Rax == (Absent(port) & mask)) continue;
            wrong++;
            last = port;
        }
        Case.Verdict(wrong == 0, "absent"u8, wrong, last);
    }

    private static void Write(uint first, int bytes)
    {
        Begin("port-sweep-out"u8, first, bytes);
        uint wrong = 0, last = 0;
        for (uint port = first; port < first + PerCase; port++)
        {
            if (PortCases.IsOwn(port)) continue;
            // A value by which the partition would end itself is an ending of its own (Endings); zero is none.
            bool all = !PortCases.Ends(port);
            if (Out(port, bytes, 0) == Probe.None && (!all || Out(port, bytes, 0xFFFF_FFFF) == Probe.None)) continue;
            wrong++;
            last = port;
        }
        Case.Verdict(wrong == 0, "ignored"u8, wrong, last);
    }

    private static uint Out(uint port, int bytes, uint value)
    {
        Registers registers = default;
        registers.Rdx = port;
        registers.Rax = value;
        return bytes switch { 1 => Probe.Run([0xEE], ref registers), 2 => Probe.Run([0x66, 0xEF], ref registers), _ => Probe.Run([0xEF], ref registers) };
    }

    /// <summary>INS and OUTS with a count of 3: the memory stays what it was.</summary>
    private static void String(uint first, int bytes, bool input)
    {
        Begin(input ? "port-sweep-ins"u8 : "port-sweep-outs"u8, first, bytes);
        const ulong Pattern = 0x5A5A_A5A5_1234_4321;
        uint wrong = 0, last = 0;
        ulong* buffer = (ulong*)Buffer;
        for (uint port = first; port < first + PerCase; port++)
        {
            if (PortCases.IsOwn(port)) continue;
            Cpu.Store64(buffer, Pattern);
            Cpu.Store64(buffer + 1, Pattern);
            Registers registers = default;
            registers.Rdx = port;
            registers.Rcx = 3;
            registers.Rsi = registers.Rdi = Buffer;
            uint fault = input ? Input(bytes, ref registers) : Output(bytes, ref registers);
            if (fault is Probe.None or Probe.Protection && Cpu.Load64(buffer) == Pattern && Cpu.Load64(buffer + 1) == Pattern) continue;
            wrong++;
            last = port;
        }
        Case.Verdict(wrong == 0, "nothing moves"u8, wrong, last);
    }

    private static uint Input(int bytes, ref Registers registers) =>
        bytes switch { 1 => Probe.Run([0xF3, 0x6C], ref registers), 2 => Probe.Run([0xF3, 0x66, 0x6D], ref registers), _ => Probe.Run([0xF3, 0x6D], ref registers) };

    private static uint Output(int bytes, ref Registers registers) =>
        bytes switch { 1 => Probe.Run([0xF3, 0x6E], ref registers), 2 => Probe.Run([0xF3, 0x66, 0x6F], ref registers), _ => Probe.Run([0xF3, 0x6F], ref registers) };

    private static void Begin(ReadOnlySpan<byte> name, uint first, int bytes)
    {
        Case.Name(name);
        Case.AndHex(first);
        Case.AndHex((ulong)bytes);
    }

    private static ulong Mask(int bytes) => bytes == 4 ? 0xFFFF_FFFF : (1UL << (bytes * 8)) - 1;

    /// <summary>What Linux must find for its probing to end, and ones elsewhere. 505h names the events that the panic port takes.</summary>
    private static ulong Absent(uint port) => port switch { 0x61 => 0x20, 0x42 or 0x64 or 0x71 => 0, 0x505 => 3, _ => 0xFFFF_FFFF };
}
