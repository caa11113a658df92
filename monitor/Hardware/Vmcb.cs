using System.Runtime.InteropServices;

namespace Osv.Monitor.Hardware;

/// <summary>A segment register as the VMCB holds it.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct Segment(ushort selector, ushort attributes, uint limit, ulong @base)
{
    public ushort Selector = selector;
    /// <summary>Descriptor bits 55:52 and 47:40 packed into 12 bits.</summary>
    public ushort Attributes = attributes;
    public uint Limit = limit;
    public ulong Base = @base;
}

/// <summary>The virtual machine control block (APM vol. 2, appendix B).</summary>
[StructLayout(LayoutKind.Explicit, Size = 0x1000)]
public struct Vmcb
{
    [FieldOffset(0x004)] public uint InterceptDr;
    [FieldOffset(0x008)] public uint InterceptExceptions;
    [FieldOffset(0x00C)] public uint Intercept1;
    [FieldOffset(0x010)] public uint Intercept2;
    [FieldOffset(0x040)] public ulong IoPermissions;
    [FieldOffset(0x048)] public ulong MsrPermissions;
    [FieldOffset(0x058)] public uint Asid;
    [FieldOffset(0x05C)] public uint TlbControl;
    [FieldOffset(0x060)] public ulong VirtualInterrupt;
    [FieldOffset(0x068)] public ulong InterruptShadow;
    [FieldOffset(0x070)] public ulong ExitCode;
    [FieldOffset(0x078)] public ulong ExitInfo1;
    [FieldOffset(0x080)] public ulong ExitInfo2;
    [FieldOffset(0x088)] public ulong ExitInterruptInfo;
    [FieldOffset(0x090)] public ulong NestedPaging;
    [FieldOffset(0x0A8)] public ulong EventInjection;
    [FieldOffset(0x0B0)] public ulong NestedCr3;
    [FieldOffset(0x0C0)] public uint CleanBits;
    /// <summary>Zero where the processor does not fill it in (CPUID 8000_000A EDX[3]).</summary>
    [FieldOffset(0x0C8)] public ulong NextRip;
    [FieldOffset(0x400)] public Segment Es;
    [FieldOffset(0x410)] public Segment Cs;
    [FieldOffset(0x420)] public Segment Ss;
    [FieldOffset(0x430)] public Segment Ds;
    [FieldOffset(0x440)] public Segment Fs;
    [FieldOffset(0x450)] public Segment Gs;
    [FieldOffset(0x460)] public Segment Gdtr;
    [FieldOffset(0x470)] public Segment Ldtr;
    [FieldOffset(0x480)] public Segment Idtr;
    [FieldOffset(0x490)] public Segment Tr;
    [FieldOffset(0x4CB)] public byte Cpl;
    [FieldOffset(0x4D0)] public ulong Efer;
    [FieldOffset(0x548)] public ulong Cr4;
    [FieldOffset(0x550)] public ulong Cr3;
    [FieldOffset(0x558)] public ulong Cr0;
    [FieldOffset(0x560)] public ulong Dr7;
    [FieldOffset(0x568)] public ulong Dr6;
    [FieldOffset(0x570)] public ulong Rflags;
    [FieldOffset(0x578)] public ulong Rip;
    [FieldOffset(0x5D8)] public ulong Rsp;
    [FieldOffset(0x5F8)] public ulong Rax;
    [FieldOffset(0x640)] public ulong Cr2;
    [FieldOffset(0x668)] public ulong GuestPat;
}

/// <summary>Exit codes (APM vol. 2, appendix C).</summary>
public static class ExitCode
{
    public const ulong ExceptionFirst = 0x40, Debug = 0x41, ExceptionLast = 0x5F, Nmi = 0x61, Smi = 0x62;
    public const ulong Cpuid = 0x72, Iret = 0x74, Invd = 0x76, Invlpga = 0x7A, Io = 0x7B, Msr = 0x7C, Shutdown = 0x7F, Vmrun = 0x80, Vmmcall = 0x81;
    public const ulong Skinit = 0x86, Wbinvd = 0x89, Xsetbv = 0x8D, NestedPageFault = 0x400, Invalid = 0xFFFF_FFFF_FFFF_FFFF;
}

/// <summary>What the monitor intercepts (VMCB offsets 00Ch and 010h), and events it injects.</summary>
public static class Intercepts
{
    /// <summary>Each only for a time: CPUID in the boot phase, IRET while a guest handles an NMI.</summary>
    public const uint Cpuid = 1u << 18, Iret = 1u << 20;
    public const uint Misc1 = (1u << 1) | (1u << 2) | (1u << 3) | Cpuid | (1u << 22) | (1u << 26) | (1u << 27) | (1u << 28) | (1u << 31);
    public const uint Misc2 = 0x7F | (1u << 9) | (1u << 13);
    /// <summary>#DB and #AC, lest a guest loop in microcode, and #MC.</summary>
    public const uint Exceptions = (1u << 1) | (1u << 17) | (1u << 18);

    public const ulong InjectNmi = 0x8000_0202, InjectUndefined = 0x8000_0306, InjectProtection = 0x8000_0B0D;
    /// <summary>TLB control: flush everything (APM vol. 2, 15.16.2).</summary>
    public const uint FlushAll = 1;
}
