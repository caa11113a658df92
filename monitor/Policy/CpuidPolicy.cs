namespace Osv.Monitor.Policy;

/// <summary>What CPUID leaves in its four registers, in the order in which the instruction names them.</summary>
public struct CpuidRegisters(uint eax, uint ebx, uint ecx, uint edx)
{
    public uint Eax = eax, Ebx = ebx, Ecx = ecx, Edx = edx;
}

/// <summary>
/// What CPUID shows while a kernel boots: no feature whose registers are closed to it (<see cref="MsrPolicy"/>), and the
/// few that it needs to find its way in a partition. After the boot phase the instruction is no longer intercepted:
/// the kernel has decided by then, and nothing here is a secret (monitor/README.md, "Exits by phase").
/// Bits: APM vol. 3, appendix E.
/// </summary>
public static class CpuidPolicy
{
    private const uint OsXsave = 1u << 27, HypervisorPresent = 1u << 31, Monitor = 1u << 3, X2Apic = 1u << 21, TscDeadline = 1u << 24;
    private const uint MachineCheck = (1u << 7) | (1u << 14);
    private const uint OsProtectionKeys = 1u << 4, ShadowStack = 1u << 7, SupervisorKeys = 1u << 31;
    private const uint ResourceMonitoring = (1u << 12) | (1u << 15), ProcessorTrace = 1u << 25, IndirectBranchTracking = 1u << 20, TscAdjust = 1u << 1;
    /// <summary>The last APIC id that an I/O APIC entry can name in its 8 bits: 255 is all of them.</summary>
    public const uint LastPlainApicId = 254;

    /// <param name="leaf">EAX of the instruction.</param>
    /// <param name="subleaf">ECX of the instruction.</param>
    /// <param name="wideIds">The partition has a core with an id above <see cref="LastPlainApicId"/>.</param>
    /// <param name="real">What the processor says.</param>
    public static CpuidRegisters Filter(uint leaf, uint subleaf, bool guestOsXsave, bool guestPke, bool wideIds, CpuidRegisters real) => leaf switch
    {
        1 => real with
        {
            Ecx = (real.Ecx & ~(OsXsave | Monitor | TscDeadline)) | HypervisorPresent | X2Apic | (guestOsXsave ? OsXsave : 0),
            Edx = real.Edx & ~MachineCheck,
        },
        // APERF, MPERF and the energy bias: closed registers.
        6 => new(real.Eax & 4, 0, 0, 0),
        7 => real with
        {
            Ebx = real.Ebx & ~(ResourceMonitoring | ProcessorTrace | TscAdjust),
            Ecx = (real.Ecx & ~(OsProtectionKeys | ShadowStack | SupervisorKeys)) | (guestPke ? OsProtectionKeys : 0),
            Edx = real.Edx & ~IndirectBranchTracking,
        },
        // XSAVES and its register XSS: supervisor states are not saved for anybody.
        0xD when subleaf == 1 => new(real.Eax & ~8u, real.Ebx, 0, 0),
        // Signatures under which Linux keeps x2APIC without interrupt remapping. Under VMware's it also trusts the TSC, so no
        // clocksource watchdog wakes one core after the other, and asks for its frequency (HypervisorPort). Under KVM's it
        // may send interrupts to APIC ids above 255 (EAX[15] of the features); it shows no other paravirtual feature.
        0x4000_0000 when wideIds => new(0x4000_0001, 0x4B4D_564B, 0x564B_4D56, 0x0000_004D),
        0x4000_0000 => new(0x4000_0000, 0x6177_4D56, 0x4D56_6572, 0x6572_6177),
        0x4000_0001 when wideIds => new(1u << 15, 0, 0, 0),
        > 0x4000_0000 and <= 0x4000_FFFF => default,
        // SVM, IBS, SKINIT, watchdog, lightweight profiling, translation cache extension (an EFER bit), node-id
        // register, performance counters (23, 24, 27, 28), breakpoint address masks (26, 30): not the guest's. MWAITX (29): in
        // a delay that waits so, a kernel that panicked is found at one instruction, as one that idles is.
        0x8000_0001 => real with
        {
            Ecx = real.Ecx & ~((1u << 2) | (1u << 10) | (1u << 12) | (1u << 13) | (1u << 15) | (1u << 17) | (1u << 19) | (1u << 23) | (1u << 24)
                | (1u << 26) | (1u << 27) | (1u << 28) | (1u << 29) | (1u << 30)),
            Edx = real.Edx & ~MachineCheck,
        },
        0x8000_0007 => new(0, 0, 0, 1u << 8),      // invariant TSC
        // Retired-instruction counter, inventory number, virtual SPEC_CTRL, collaborative frequency control: closed
        // registers. MCOMMIT (8) and interruptible WBINVD (13): EFER bits. INVLPGB (3): the VMCB does not enable it.
        0x8000_0008 => real with { Ebx = real.Ebx & ~((1u << 1) | (1u << 3) | (1u << 8) | (1u << 13) | (1u << 23) | (1u << 25) | (1u << 27)) },
        // Upper address ignore and automatic IBRS: EFER bits. Prefetch control, CPUID faulting: closed registers.
        0x8000_0021 => real with { Eax = real.Eax & ~((1u << 7) | (1u << 8) | (1u << 13) | (1u << 17)) },
        // Thermal and performance monitoring, resource control, IBS, profiling, encryption, SVM.
        5 or 0xA or 0xF or 0x10 or 0x8000_000A or 0x8000_001B or 0x8000_001C or 0x8000_001F or 0x8000_0020
            or 0x8000_0022 or (>= 0x8000_0023 and <= 0x8000_0025) => default,
        _ => real,
    };
}
