using System;

namespace Osv.Ring0.Attacker.Cases;

/// <summary>Control and debug registers with what they may not hold, and what they may though it is unusual.</summary>
public static unsafe class ControlRegisterCases
{
    public static void Run()
    {
        // The bits that are left out a processor refuses and QEMU takes, to refuse the next VMRUN; or they forbid this payload
        // its own pages. Endings has them.
        for (int bit = 1; bit < 31; bit++)
            if (bit != 29) Flip0(bit);
        for (int bit = 0; bit < 12; bit++)
            if (bit != 5) Flip4(bit);
        Flip4(16);
        Flip4(18);
        // A processor refuses these three; QEMU takes them, and nobody else is concerned.
        Register("cr8-16"u8, [0x44, 0x0F, 0x22, 0xC0], 16, Probe.Protection, Probe.None);
        Register("cr8-ones"u8, [0x44, 0x0F, 0x22, 0xC0], 0xFFFF_FFFF_FFFF_FFFF, Probe.Protection, Probe.None);
        Register("ltr-null"u8, [0x0F, 0x00, 0xD8], 0, Probe.Protection, Probe.None);
        Register("cr8-15"u8, [0x44, 0x0F, 0x22, 0xC0, 0x0F, 0xA2, 0x31, 0xC0, 0x44, 0x0F, 0x22, 0xC0], 15, Probe.None);
        Register("cr1-read"u8, [0x0F, 0x20, 0xC8], 0, Probe.Undefined);
        Register("cr5-write"u8, [0x0F, 0x22, 0xE8], 0, Probe.Undefined);
        Register("cr7-write"u8, [0x0F, 0x22, 0xF8], 0, Probe.Undefined);
        Register("cr9-write"u8, [0x44, 0x0F, 0x22, 0xC8], 0, Probe.Undefined);
        Register("cr15-write"u8, [0x44, 0x0F, 0x22, 0xF8], 0, Probe.Undefined);
        Register("dr6-high"u8, [0x0F, 0x23, 0xF0], 0xFFFF_FFFF_0000_0000, Probe.Protection);
        Register("dr7-high"u8, [0x0F, 0x23, 0xF8], 0xFFFF_FFFF_0000_0400, Probe.Protection);
        Register("dr6-zero"u8, [0x0F, 0x23, 0xF0], 0, Probe.None);
        Register("dr7-general-detect"u8, [0x0F, 0x23, 0xF8, 0x0F, 0x21, 0xC0], 0x2400, Probe.Debug);
        Register("dr7-restored"u8, [0x0F, 0x23, 0xF8], 0x400, Probe.None);
        Register("lmsw-clear"u8, [0x0F, 0x01, 0xF0], 0, Probe.None);
        Register("caches-off"u8, [0x0F, 0x20, 0xC0, 0x0F, 0xBA, 0xE8, 0x1E, 0x0F, 0x22, 0xC0, 0x0F, 0xA2, 0x0F, 0x20, 0xC0, 0x0F, 0xBA, 0xF0, 0x1E, 0x0F, 0x22, 0xC0], 0, Probe.None);
        Register("ltr-busy"u8, [0x0F, 0x00, 0xD8], 0x30, Probe.Protection);
        Register("lldt-not-one"u8, [0x0F, 0x00, 0xD0], 0x10, Probe.Protection);
        Register("segment-beyond-table"u8, [0x8E, 0xE0], 0xFFF8, Probe.Protection);
    }

    /// <summary>One bit of CR0 the other way, an exit, and back: refused, or the partition's own affair.</summary>
    private static void Flip0(int bit)
    {
        Case.Name("cr0-flip"u8);
        Case.AndHex((ulong)bit);
        Registers registers = default;
        registers.Rdi = 1UL << bit;
        // RSI = CR0; XOR with RDI; write; CPUID; write RSI back
        uint fault = Probe.Run([0x0F, 0x20, 0xC6, 0x48, 0x89, 0xF0, 0x48, 0x31, 0xF8, 0x0F, 0x22, 0xC0, 0x0F, 0xA2, 0x0F, 0x22, 0xC6], ref registers);
        Case.Verdict(fault is Probe.None or Probe.Protection, "its own"u8, fault);
    }

    private static void Flip4(int bit)
    {
        Case.Name("cr4-flip"u8);
        Case.AndHex((ulong)bit);
        Registers registers = default;
        registers.Rdi = 1UL << bit;
        uint fault = Probe.Run([0x0F, 0x20, 0xE6, 0x48, 0x89, 0xF0, 0x48, 0x31, 0xF8, 0x0F, 0x22, 0xE0, 0x0F, 0xA2, 0x0F, 0x22, 0xE6], ref registers);
        Case.Verdict(fault is Probe.None or Probe.Protection, "its own"u8, fault);
    }

    private static void Register(ReadOnlySpan<byte> name, ReadOnlySpan<byte> code, ulong rax, uint expected) => Register(name, code, rax, expected, expected);

    private static void Register(ReadOnlySpan<byte> name, ReadOnlySpan<byte> code, ulong rax, uint expected, uint orElse)
    {
        Case.Name(name);
        Registers registers = default;
        registers.Rax = rax;
        uint fault = Probe.Run(code, ref registers);
        Case.Verdict(fault == expected || fault == orElse, orElse == Probe.None ? "its own"u8 : "refused"u8, fault);
    }
}
