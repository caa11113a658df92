using System;

namespace Osv.Ring0.Attacker.Cases;

/// <summary>Exits from 32-bit code in compatibility mode.</summary>
public static class ModeCases
{
    public static void Run()
    {
        Narrow("cpuid"u8, [0x0F, 0xA2], 0x8000_0001, 0, Probe.None);
        Narrow("out"u8, [0xE6, 0x80], 0, 0, Probe.None);
        Narrow("in"u8, [0xE4, 0x61], 0, 0, Probe.None);
        Narrow("outs"u8, [0xF3, 0x6E], 0, 0x10_0000, Probe.None);
        Narrow("rdmsr-open"u8, [0x0F, 0x32], 0, 0x802, Probe.None);
        Narrow("rdmsr-closed"u8, [0x0F, 0x32], 0, 0xC001_0111, Probe.Protection);
        Narrow("wrmsr-closed"u8, [0x0F, 0x30], 0, 0xC001_0117, Probe.None);
        Narrow("wrmsr-icr-others"u8, [0x31, 0xD2, 0x0F, 0x30], 0x000C_00F8, 0x830, Probe.None);
        Narrow("vmrun"u8, [0x0F, 0x01, 0xD8], 0, 0, Probe.Undefined);
        Narrow("vmmcall"u8, [0x0F, 0x01, 0xD9], 0, 0, Probe.Undefined);
        Narrow("skinit"u8, [0x0F, 0x01, 0xDE], 0, 0, Probe.Undefined);
        Narrow("wbinvd"u8, [0x0F, 0x09], 0, 0, Probe.None);
        Narrow("xsetbv"u8, [0x31, 0xD2, 0x0F, 0x01, 0xD1], 7, 0, Probe.None);
        Narrow("xsetbv-bad"u8, [0x31, 0xD2, 0x0F, 0x01, 0xD1], 5, 0, Probe.Protection);
    }

    private static void Narrow(ReadOnlySpan<byte> name, ReadOnlySpan<byte> code, ulong rax, ulong rcx, uint expected)
    {
        Case.Name("compatibility"u8);
        Case.And(name);
        Registers registers = default;
        registers.Rax = rax;
        registers.Rcx = rcx;
        registers.Rsi = 0x90_0000;
        uint fault = Probe.RunNarrow(code, ref registers);
        Case.Verdict(fault == expected, expected == Probe.None ? "carried out"u8 : "refused"u8, fault);
    }
}
