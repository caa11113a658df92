namespace Osv.Bench.Plugin;

/// <summary>Kinds of exits that are counted apart; the report has these names.</summary>
internal enum Exit
{
    /// <summary>ICR write that asks for a fixed interrupt to one core by its physical id.</summary>
    IcrPlain,
    /// <summary>Any other ICR write.</summary>
    IcrOther,
    Msr,
    /// <summary>The serial port, 3F8h to 3FFh.</summary>
    Console,
    Port,
    Cpuid,
    Nmi,
    /// <summary>Nested page fault at the I/O APIC's page.</summary>
    IoApic,
    NestedPageFault,
    Exception,
    /// <summary>WBINVD, INVD, INVLPGA, XSETBV and the VMRUN family.</summary>
    Instruction,
    Shutdown,
    Other,
    Count,
}

/// <summary>Sorts exits by what the VMCB says (APM vol. 2, appendix B and C) and, for MSRs, by the guest's RCX and RDX.</summary>
internal static class ExitSorter
{
    private const ulong Icr = 0x830, IoApicPage = 0xFEC0_0000;
    /// <summary>Shorthand, logical destination, delivery mode: all zero in a plain request. Level bits do not matter.</summary>
    private const ulong NotPlain = 0xC_0F00;
    private const ulong Broadcast = 0xFFFF_FFFF;

    public static Exit Sort(ulong code, ulong info1, ulong info2, ulong rax, ulong rcx, ulong rdx) => code switch
    {
        0x7C when info1 == 1 && (rcx & 0xFFFF_FFFF) == Icr => (rax & NotPlain) == 0 && (rdx & 0xFFFF_FFFF) != Broadcast ? Exit.IcrPlain : Exit.IcrOther,
        0x7C => Exit.Msr,
        0x7B => (info1 >> 16) is >= 0x3F8 and <= 0x3FF ? Exit.Console : Exit.Port,
        0x72 => Exit.Cpuid,
        0x61 => Exit.Nmi,
        0x400 => (info2 & ~0xFFFUL) == IoApicPage ? Exit.IoApic : Exit.NestedPageFault,
        >= 0x40 and <= 0x5F => Exit.Exception,
        0x76 or 0x7A or 0x89 or 0x8D or (>= 0x80 and <= 0x86) => Exit.Instruction,
        0x7F => Exit.Shutdown,
        _ => Exit.Other,
    };
}
