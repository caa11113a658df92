namespace Osv.Ring0.Attacker.Cases;

/// <summary>The x2APIC registers one by one, and the base register that could move or end them.</summary>
public static unsafe class ApicRegisterCases
{
    private const uint ApicBase = 0x1B;

    public static void Run()
    {
        for (uint msr = 0x800; msr < 0x900; msr++)
        {
            // The interrupt command and vector registers have cases of their own.
            if (msr is 0x830 or (>= 0x832 and <= 0x837) or 0x83F) continue;
            Sweep(msr);
        }
        Base("disabled"u8, 0xFEE0_0000);
        Base("xapic"u8, 0xFEE0_0800);
        Base("invalid-mode"u8, 0xFEE0_0400);
        Base("moved"u8, 0xFED0_0C00);
        Base("moved-over-memory"u8, 0x0020_0C00);
        Base("moved-high"u8, 0x000F_FFFF_FEE0_0C00);
        Base("boot-processor"u8, 0xFEE0_0D00);
        Base("zero"u8, 0);
        Base("all-bits"u8, 0xFFFF_FFFF_FFFF_FFFF);
    }

    private static void Sweep(uint msr)
    {
        Case.Name("x2apic"u8);
        Case.AndHex(msr);
        CoreState.Clear(Symbols.State(0));
        uint read = Probe.ReadMsr(msr, out ulong before);
        uint ones = Probe.WriteMsr(msr, 0xFFFF_FFFF_FFFF_FFFF), zero = Probe.WriteMsr(msr, 0);
        bool open = msr is 0x808 or 0x80B or 0x80F or 0x828 or 0x838 or 0x83E;
        if (open)
        {
            Probe.WriteMsr(Interrupts.InitialCount, 0);
            Probe.WriteMsr(Interrupts.Divide, 0);
            Probe.WriteMsr(Interrupts.TaskPriority, 0);
            Probe.WriteMsr(Interrupts.Spurious, 0x1FF);
        }
        Interrupts.Settle(5);
        ulong seen = CoreState.Others(Symbols.State(0), -1);
        bool refused = ones == Probe.Protection && zero == Probe.Protection;
        Case.Verdict(seen == 0 && (open || refused), open ? "its own register"u8 : "writes #GP"u8, read, ones);
    }

    private static void Base(System.ReadOnlySpan<byte> name, ulong value)
    {
        Case.Name("apic-base"u8);
        Case.And(name);
        Probe.ReadMsr(ApicBase, out ulong before);
        uint fault = Probe.WriteMsr(ApicBase, value);
        Probe.ReadMsr(ApicBase, out ulong after);
        uint own = (uint)Cpu.ReadMsr(0x802);
        Case.Verdict(before == after && (after & 0xC00) == 0xC00 && own == Interrupts.Parameters->OwnId, "#GP or ignored"u8, after, fault);
    }
}
