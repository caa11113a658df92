using System;

namespace Osv.Ring0.Attacker.Cases;

/// <summary>CPUID with every leaf of every range, known or not, while the core is in its boot phase.</summary>
public static class CpuidCases
{
    private static ReadOnlySpan<uint> Subleaves => [0, 1, 2, 3, 63, 0x7FFF_FFFF, 0xFFFF_FFFF];

    public static void Run()
    {
        Range(0, 0x30);
        Range(0x4000_0000, 0x10);
        Range(0x4000_0100, 2);
        Range(0x8000_0000, 0x30);
        Range(0x8FFF_FFF8, 8);
        Range(0xC000_0000, 4);
        Range(0xFFFF_FFF8, 8);
        Hidden();
    }

    private static void Range(uint first, uint count)
    {
        for (uint i = 0; i < count; i++)
        {
            Case.Name("cpuid"u8);
            Case.AndHex(first + i);
            uint faults = 0;
            for (int k = 0; k < Subleaves.Length; k++)
            {
                Registers registers = default;
                registers.Rax = 0xFFFF_FFFF_0000_0000 | (first + i);
                registers.Rcx = 0xFFFF_FFFF_0000_0000 | Subleaves[k];
                if (Probe.Run([0x0F, 0xA2], ref registers) != Probe.None) faults++;
                if ((registers.Rax | registers.Rbx | registers.Rcx | registers.Rdx) >> 32 != 0) faults++;
            }
            Case.Verdict(faults == 0, "an answer"u8, faults);
        }
    }

    private static void Hidden()
    {
        Case.Name("cpuid-svm-hidden"u8);
        Registers registers = default;
        registers.Rax = 0x8000_0001;
        Probe.Run([0x0F, 0xA2], ref registers);
        Case.Verdict((registers.Rcx & 0x1004) == 0, "SVM and SKINIT not seen"u8, registers.Rcx);
    }
}
