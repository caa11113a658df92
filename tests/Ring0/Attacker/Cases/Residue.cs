using System;

namespace Osv.Ring0.Attacker.Cases;

/// <summary>Nothing of an earlier owner: registers as at power-up, memory clear. Runs before the payload changes anything.</summary>
public static unsafe class Residue
{
    private static ReadOnlySpan<uint> Zero =>
    [
        0x174, 0x175, 0x176, 0xC000_0081, 0xC000_0082, 0xC000_0083, 0xC000_0084, 0xC000_0100, 0xC000_0101, 0xC000_0102, 0xC000_0103,
        0x808, 0x810, 0x811, 0x812, 0x813, 0x814, 0x815, 0x816, 0x817, 0x820, 0x821, 0x822, 0x823, 0x824, 0x825, 0x826, 0x827, 0x838, 0x839, 0x83E,
    ];

    public static void Check()
    {
        ulong* state = stackalloc ulong[9];
        Cpu.ReadState(state);
        for (int i = 0; i < 15; i++)
        {
            Case.Name("residue-register"u8);
            Case.AndHex((ulong)i);
            Case.Verdict(Symbols.EntryRegisters[i] == 0, "clear"u8, Symbols.EntryRegisters[i]);
        }
        Vectors();
        for (int i = 0; i < 9; i++)
        {
            Case.Name("residue-control"u8);
            Case.AndHex((ulong)i);
            // CR4 has what the entry code set: PAE, OSFXSR, OSXMMEXCPT, OSXSAVE.
            ulong expected = i switch { 1 => 0x4_0620, 7 => 0xFFFF_0FF0, 8 => 0x400, _ => 0 };
            Case.Verdict(state[i] == expected, "as at power-up"u8, state[i], expected);
        }
        for (int i = 0; i < Zero.Length; i++) Msr(Zero[i], 0);
        for (uint msr = 0x832; msr <= 0x837; msr++) Msr(msr, 0x1_0000);
        Msr(0x80F, 0xFF);
        // PAT is left out: QEMU has one for host and guests, where a processor takes the guest's from the VMCB (APM vol. 2, 15.25.8).
        Memory();
    }

    private static void Msr(uint msr, ulong expected)
    {
        Case.Name("residue-msr"u8);
        Case.AndHex(msr);
        ulong value = Cpu.ReadMsr(msr);
        // QEMU takes vector 0 from the self-IPI register and never delivers it; no processor does.
        if (msr == Interrupts.Requested) value &= ~1UL;
        Case.Verdict(value == expected, "as at power-up"u8, value, expected);
    }

    /// <summary>The XSAVE area written by the entry code: x87 and XMM from the start, upper halves of YMM from 240h.</summary>
    private static void Vectors()
    {
        Case.Name("residue-x87"u8);
        byte* area = Symbols.EntryVectors;
        ulong seen = *(uint*)area, control = *(uint*)(area + 24), x87 = 0, xmm = 0, ymm = 0;
        for (int at = 32; at < 160; at += 8) x87 |= *(ulong*)(area + at);
        for (int at = 160; at < 416; at += 8) xmm |= *(ulong*)(area + at);
        for (int at = 576; at < 832; at += 8) ymm |= *(ulong*)(area + at);
        Case.Verdict(seen == 0x037F && control == 0x1F80 && x87 == 0, "as at power-up"u8, seen, x87);
        Case.Name("residue-xmm"u8);
        Case.Verdict(xmm == 0, "clear"u8, xmm);
        Case.Name("residue-ymm"u8);
        Case.Verdict(ymm == 0, "clear"u8, ymm);
    }

    private static void Memory()
    {
        Case.Name("residue-memory"u8);
        ulong found = 0, where = 0;
        for (ulong at = (Symbols.ImageEnd + 4095) & ~4095UL; at < Interrupts.Parameters->MemoryBytes; at += 8)
        {
            if (*(ulong*)at == 0) continue;
            found++;
            where = at;
        }
        Case.Verdict(found == 0, "clear"u8, found, where);
    }
}
