using System;

namespace Osv.Ring0.Attacker.Cases;

/// <summary>
/// Every register of the ranges that the permission map knows, and of C000_xxxxh and C001_xxxxh beyond them: read, and written with
/// zeros, ones and the value read with one bit flipped. One case for each 256 registers. What a partition owns has cases of its own.
/// </summary>
public static class MsrSweep
{
    private const uint Architectural = 0x2000, PerCase = 0x100, First = 0xC000_0000, End = 0xC002_0000;

    public static void Run()
    {
        for (uint first = 0; first < Architectural; first += PerCase) Block(first);
        for (uint first = First; first < End; first += PerCase) Block(first);
    }

    private static void Block(uint first)
    {
        Case.Name("msr-sweep"u8);
        Case.AndHex(first);
        uint wrong = 0, last = 0;
        for (uint msr = first; msr < first + PerCase; msr++)
        {
            if (IsOwn(msr) || IsUntouched(msr)) continue;
            wrong++;
            last = msr;
        }
        Case.Verdict(wrong == 0, "#GP or ignored"u8, wrong, last);
    }

    private static bool IsUntouched(uint msr)
    {
        uint read = Probe.ReadMsr(msr, out ulong value);
        return Ignores(msr, 0, read, value) && Ignores(msr, 0xFFFF_FFFF_FFFF_FFFF, read, value) && Ignores(msr, value ^ (1UL << (int)(msr % 64)), read, value);
    }

    private static bool Ignores(uint msr, ulong written, uint read, ulong value)
    {
        uint fault = Probe.WriteMsr(msr, written);
        uint readAfter = Probe.ReadMsr(msr, out ulong after);
        return readAfter == read && after == value && (fault == Probe.Protection || (fault == Probe.None && read == Probe.None));
    }

    /// <summary>Time, speculation control, SYSENTER, page attributes, local APIC, and those of system calls and segments.</summary>
    private static bool IsOwn(uint msr) => msr is
        0x10 or 0x1B or 0x48 or 0x49 or (>= 0x174 and <= 0x176) or 0x277 or (>= 0x800 and <= 0x8FF)
        or (>= 0xC000_0080 and <= 0xC000_0084) or (>= 0xC000_0100 and <= 0xC000_0103);
}
