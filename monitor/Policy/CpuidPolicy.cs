namespace Osv.Monitor.Policy;

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

    /// <param name="wideIds">The partition has a core with an id above <see cref="LastPlainApicId"/>.</param>
    public static void Filter(uint leaf, uint subleaf, bool guestOsXsave, bool guestPke, bool wideIds, ref uint eax, ref uint ebx, ref uint ecx, ref uint edx)
    {
        switch (leaf)
        {
            case 1:
                ecx = (ecx & ~(OsXsave | Monitor | TscDeadline)) | HypervisorPresent | X2Apic | (guestOsXsave ? OsXsave : 0);
                edx &= ~MachineCheck;
                break;
            case 6:
                // APERF, MPERF and the energy bias: closed registers.
                Set(ref eax, ref ebx, ref ecx, ref edx, eax & 4, 0, 0, 0);
                break;
            case 7:
                ebx &= ~(ResourceMonitoring | ProcessorTrace | TscAdjust);
                ecx = (ecx & ~(OsProtectionKeys | ShadowStack | SupervisorKeys)) | (guestPke ? OsProtectionKeys : 0);
                edx &= ~IndirectBranchTracking;
                break;
            // XSAVES and its register XSS: supervisor states are not saved for anybody.
            case 0xD when subleaf == 1:
                Set(ref eax, ref ebx, ref ecx, ref edx, eax & ~8u, ebx, 0, 0);
                break;
            // Signatures under which Linux keeps x2APIC without interrupt remapping. Under VMware's it also trusts the TSC, so no
            // clocksource watchdog wakes one core after the other, and asks for its frequency (HypervisorPort). Under KVM's it
            // may send interrupts to APIC ids above 255 (EAX[15] of the features); it shows no other paravirtual feature.
            case 0x4000_0000 when wideIds:
                Set(ref eax, ref ebx, ref ecx, ref edx, 0x4000_0001, 0x4B4D_564B, 0x564B_4D56, 0x0000_004D);
                break;
            case 0x4000_0000:
                Set(ref eax, ref ebx, ref ecx, ref edx, 0x4000_0000, 0x6177_4D56, 0x4D56_6572, 0x6572_6177);
                break;
            case 0x4000_0001:
                Set(ref eax, ref ebx, ref ecx, ref edx, wideIds ? 1u << 15 : 0, 0, 0, 0);
                break;
            case > 0x4000_0001 and <= 0x4000_FFFF:
                Set(ref eax, ref ebx, ref ecx, ref edx, 0, 0, 0, 0);
                break;
            case 0x8000_0001:
                // SVM, IBS, SKINIT, watchdog, lightweight profiling, translation cache extension (an EFER bit), node-id
                // register, performance counters (23, 24, 27, 28), breakpoint address masks (26, 30): not the guest's.
                ecx &= ~((1u << 2) | (1u << 10) | (1u << 12) | (1u << 13) | (1u << 15) | (1u << 17) | (1u << 19) | (1u << 23) | (1u << 24)
                    | (1u << 26) | (1u << 27) | (1u << 28) | (1u << 30));
                edx &= ~MachineCheck;
                break;
            case 0x8000_0007:
                Set(ref eax, ref ebx, ref ecx, ref edx, 0, 0, 0, 1u << 8);      // invariant TSC
                break;
            case 0x8000_0008:
                // Retired-instruction counter, inventory number, virtual SPEC_CTRL, collaborative frequency control: closed
                // registers. MCOMMIT (8) and interruptible WBINVD (13): EFER bits. INVLPGB (3): the VMCB does not enable it.
                ebx &= ~((1u << 1) | (1u << 3) | (1u << 8) | (1u << 13) | (1u << 23) | (1u << 25) | (1u << 27));
                break;
            case 0x8000_0021:
                // Upper address ignore and automatic IBRS: EFER bits. Prefetch control, CPUID faulting: closed registers.
                eax &= ~((1u << 7) | (1u << 8) | (1u << 13) | (1u << 17));
                break;
            // Thermal and performance monitoring, resource control, IBS, profiling, encryption, SVM.
            case 5 or 0xA or 0xF or 0x10 or 0x8000_000A or 0x8000_001B or 0x8000_001C or 0x8000_001F or 0x8000_0020
                or 0x8000_0022 or (>= 0x8000_0023 and <= 0x8000_0025):
                Set(ref eax, ref ebx, ref ecx, ref edx, 0, 0, 0, 0);
                break;
        }
    }

    private static void Set(ref uint eax, ref uint ebx, ref uint ecx, ref uint edx, uint a, uint b, uint c, uint d)
    {
        eax = a;
        ebx = b;
        ecx = c;
        edx = d;
    }
}
