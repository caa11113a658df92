using System;

namespace Osv.Monitor.Policy;

/// <summary>What becomes of a model-specific register access that left the guest.</summary>
public enum MsrVerdict
{
    /// <summary>#GP, as for a register that does not exist.</summary>
    Fault,
    /// <summary>Reads give <c>value</c>; writes are dropped.</summary>
    Value,
    ApicBase,
    Efer,
    Icr,
    /// <summary>A local vector table entry: only harmless delivery modes go through.</summary>
    LocalVector,
}

/// <summary>
/// Model-specific registers: closed unless listed. The bitmap below is what the processor consults,
/// so registers listed as open never leave the guest (APM vol. 2, 15.11).
/// </summary>
public static class MsrPolicy
{
    public const uint ApicBase = 0x1B, Efer = 0xC000_0080, Icr = 0x830;
    /// <summary>Write-back for all of memory; variable ranges: none (APM vol. 2, 7.7).</summary>
    private const ulong MtrrCapabilities = 0x500, MtrrDefaultType = 0xC06, AllWriteBack = 0x0606_0606_0606_0606;

    /// <summary>Fills the permission map: two bits per register, 1 = intercept.</summary>
    public static void FillPermissionMap(Span<byte> map)
    {
        for (int i = 0; i < map.Length; i++) map[i] = 0xFF;
        Open(map, 0x10, true, false);                  // TSC
        Open(map, 0x48, true, true);                   // SPEC_CTRL
        Open(map, 0x49, false, true);                  // PRED_CMD
        for (uint msr = 0x174; msr <= 0x176; msr++) Open(map, msr, true, true);     // SYSENTER
        Open(map, 0x277, true, true);                  // PAT: the VMCB's own copy under nested paging
        for (uint msr = 0x802; msr <= 0x80F; msr++) Open(map, msr, true, msr is 0x808 or 0x80B or 0x80F);
        for (uint msr = 0x810; msr <= 0x827; msr++) Open(map, msr, true, false);    // ISR, TMR, IRR
        Open(map, 0x828, true, true);                  // error status
        Open(map, 0x830, true, false);                 // ICR: reads only
        Open(map, 0x832, true, true);                  // timer vector: it has no delivery mode
        for (uint msr = 0x833; msr <= 0x837; msr++) Open(map, msr, true, false);
        Open(map, 0x838, true, true);                  // timer initial count
        Open(map, 0x839, true, false);
        Open(map, 0x83E, true, true);                  // timer divide
        Open(map, 0x83F, false, true);                 // self IPI
        for (uint msr = 0xC000_0081; msr <= 0xC000_0084; msr++) Open(map, msr, true, true);   // STAR .. SFMASK
        for (uint msr = 0xC000_0100; msr <= 0xC000_0103; msr++) Open(map, msr, true, true);   // FS, GS, KernelGS, TSC_AUX
    }

    private static void Open(Span<byte> map, uint msr, bool read, bool write)
    {
        int bit = PermissionBit(msr);
        int mask = (read ? 1 : 0) | (write ? 2 : 0);
        map[bit >> 3] = (byte)(map[bit >> 3] & ~(mask << (bit & 7)) & 0xFF);
    }

    /// <summary>Position of a register's two bits: three ranges of 8,192 registers, 2 KiB apart.</summary>
    private static int PermissionBit(uint msr)
    {
        uint range = msr >= 0xC001_0000 ? 2u : msr >= 0xC000_0000 ? 1u : 0u;
        return (int)(range * 0x4000 + (msr & 0x1FFF) * 2);
    }

    public static MsrVerdict Read(uint msr, out ulong value)
    {
        value = 0;
        switch (msr)
        {
            case ApicBase: return MsrVerdict.ApicBase;
            case Efer: return MsrVerdict.Efer;
            case 0xFE: value = MtrrCapabilities; return MsrVerdict.Value;
            case 0x2FF: value = MtrrDefaultType; return MsrVerdict.Value;
            case 0x250 or 0x258 or 0x259: value = AllWriteBack; return MsrVerdict.Value;
            case >= 0x268 and <= 0x26F: value = AllWriteBack; return MsrVerdict.Value;
            // VM_CR: SVM disabled and locked (APM vol. 2, 15.30.1).
            case 0xC001_0114: value = 0x18; return MsrVerdict.Value;
            // DE_CFG[1]: LFENCE is serializing. The monitor sees to it on every core (Startup/Mitigations.cs).
            case 0xC001_1029: value = 2; return MsrVerdict.Value;
            default: return IsReadAsZero(msr) ? MsrVerdict.Value : MsrVerdict.Fault;
        }
    }

    public static MsrVerdict Write(uint msr) => msr switch
    {
        ApicBase => MsrVerdict.ApicBase,
        Efer => MsrVerdict.Efer,
        Icr => MsrVerdict.Icr,
        >= 0x833 and <= 0x837 => MsrVerdict.LocalVector,
        0x2FF or 0x250 or 0x258 or 0x259 or 0xC001_1029 => MsrVerdict.Value,
        >= 0x268 and <= 0x26F => MsrVerdict.Value,
        _ => IsReadAsZero(msr) ? MsrVerdict.Value : MsrVerdict.Fault,
    };

    /// <summary>Registers that Linux reads without asking CPUID first: they read as zero and ignore writes.</summary>
    private static bool IsReadAsZero(uint msr) => msr is
        0x8B or 0x17 or 0x179 or 0x17B or 0x3A or 0xE7 or 0xE8 or 0x1A0 or 0x1D9
        or 0xC001_0010 or 0xC001_0015 or 0xC001_001F or 0xC001_0055 or 0xC001_0058 or 0xC001_0062 or 0xC001_0063 or 0xC001_0064
        or 0xC001_0112 or 0xC001_0113 or 0xC001_0117 or 0xC001_0140 or 0xC001_0141 or 0xC001_1005 or 0xC001_1020 or 0xC001_1022 or 0xC001_102A;

    /// <summary>EFER as the guest may have it: SVME stays on underneath and is never seen. False: #GP.</summary>
    public static bool GuestEfer(ulong current, ulong written, bool paging, out ulong value)
    {
        const ulong Allowed = 0x4D01 | (1UL << 13) | (1UL << 14), LongModeEnable = 1 << 8, LongModeActive = 1 << 10, Svme = 1 << 12;
        value = (written & Allowed & ~LongModeActive) | (current & LongModeActive) | Svme;
        if ((written & ~(Allowed | Svme)) != 0) return false;
        return !paging || ((current ^ written) & LongModeEnable) == 0;
    }

    /// <summary>
    /// Fixed (0) and NMI (4) as Linux writes them; SMI, INIT, ExtINT and reserved modes become masked. Vector, mode and mask
    /// are all that these entries have in common: the processor answers a bit that is reserved in one of them with #GP, and
    /// the monitor is who writes. The entry for errors has no mode either (APM vol. 2, 16.4).
    /// </summary>
    public static ulong GuestLocalVector(uint msr, ulong written)
    {
        const uint ErrorVector = 0x837;
        const ulong Vector = 0xFF, Mode = 0x700, Masked = 1 << 16;
        ulong mode = (written & Mode) >> 8;
        if (mode != 0 && (mode != 4 || msr == ErrorVector)) return (written & Vector) | Masked;
        return written & (Vector | Mode | Masked);
    }
}
