using System;

namespace Osv.Ring0.Attacker.Cases;

/// <summary>
/// Model-specific registers that reach beyond a partition, read and written with 0, all ones and one bit flipped.
/// A write faults, or reading shows that nothing changed.
/// </summary>
public static class MsrCases
{
    private const uint Efer = 0xC000_0080, Pat = 0x277;

    private static ReadOnlySpan<uint> Dangerous =>
    [
        0x00, 0x01, 0x10, 0x11, 0x12, 0x17, 0x2A, 0x3A, 0x3B, 0x79, 0x8B, 0x9B, 0x9E, 0xC1, 0xCD, 0xCE, 0xE2, 0xE7, 0xE8, 0xFE, 0x10A, 0x10B, 0x122, 0x140,
        0x179, 0x17A, 0x17B, 0x186, 0x187, 0x198, 0x199, 0x19B, 0x1A0, 0x1A6, 0x1AD, 0x1B0, 0x1D9, 0x1DB, 0x1DC, 0x1F2, 0x1F3, 0x1FC,
        0x200, 0x201, 0x202, 0x20F, 0x250, 0x258, 0x259, 0x268, 0x269, 0x26F, 0x2FF, 0x309, 0x345, 0x38D, 0x38F, 0x390, 0x3F1,
        0x400, 0x401, 0x402, 0x403, 0x404, 0x410, 0x413, 0x47F, 0x480, 0x48B, 0x4C1, 0x4E0, 0x560, 0x570, 0x600, 0x606, 0x610, 0x611, 0x6A0, 0x6A2, 0x6A4, 0x6E0, 0x770, 0x774,
        0x900, 0xC80, 0xC81, 0xC90, 0xDA0, 0x1FFF, 0x2000, 0x3FFF, 0x1_0000, 0x4000_0000, 0x4000_0001, 0x4000_0070, 0x4000_0105, 0x4000_0118, 0x4B56_4D00, 0x4B56_4D01, 0x4B56_4D02, 0x4B56_4D03, 0x4B56_4D04,
        0x7FFF_FFFF, 0x8000_0000, 0xBFFF_FFFF, 0xC000_0000, 0xC000_0079, 0xC000_0085, 0xC000_00E7, 0xC000_00E8, 0xC000_00E9, 0xC000_0104, 0xC000_0105, 0xC000_0108, 0xC000_010E, 0xC000_010F,
        0xC000_0300, 0xC000_0301, 0xC000_0302, 0xC000_0408, 0xC000_0410, 0xC000_1FFF, 0xC000_2000, 0xC000_2003, 0xC000_2004, 0xC000_2010, 0xC000_FFFF,
        0xC001_0000, 0xC001_0001, 0xC001_0002, 0xC001_0003, 0xC001_0004, 0xC001_0005, 0xC001_0006, 0xC001_0007, 0xC001_0010, 0xC001_0015, 0xC001_0016, 0xC001_0017, 0xC001_0018, 0xC001_0019,
        0xC001_001A, 0xC001_001D, 0xC001_001F, 0xC001_0020, 0xC001_0021, 0xC001_0022, 0xC001_0030, 0xC001_0035, 0xC001_003E, 0xC001_0044, 0xC001_0048, 0xC001_0050, 0xC001_0051, 0xC001_0052, 0xC001_0053,
        0xC001_0054, 0xC001_0055, 0xC001_0056, 0xC001_0058, 0xC001_0061, 0xC001_0062, 0xC001_0063, 0xC001_0064, 0xC001_0065, 0xC001_006B, 0xC001_0070, 0xC001_0071, 0xC001_0073, 0xC001_0074,
        0xC001_0111, 0xC001_0112, 0xC001_0113, 0xC001_0114, 0xC001_0115, 0xC001_0116, 0xC001_0117, 0xC001_0118, 0xC001_0119, 0xC001_011A, 0xC001_011B, 0xC001_011E, 0xC001_0130, 0xC001_0131, 0xC001_0132, 0xC001_0133, 0xC001_0135, 0xC001_0138, 0xC001_0140, 0xC001_0141,
        0xC001_0200, 0xC001_0201, 0xC001_020B, 0xC001_0230, 0xC001_0240, 0xC001_0280, 0xC001_0290, 0xC001_0293, 0xC001_0299, 0xC001_029A, 0xC001_029B, 0xC001_02B0, 0xC001_02B1, 0xC001_02B3, 0xC001_0300,
        0xC001_1000, 0xC001_1002, 0xC001_1003, 0xC001_1004, 0xC001_1005, 0xC001_1019, 0xC001_101A, 0xC001_101B, 0xC001_1020, 0xC001_1021, 0xC001_1022, 0xC001_1023, 0xC001_1027, 0xC001_1028, 0xC001_1029, 0xC001_102A, 0xC001_102B, 0xC001_102C, 0xC001_102D,
        0xC001_1030, 0xC001_1033, 0xC001_1034, 0xC001_1037, 0xC001_103A, 0xC001_103C, 0xC001_10E3, 0xC001_1FFF, 0xC001_2000, 0xC001_FFFF, 0xC002_0000, 0xC002_1FFF, 0xFFFF_FFFF,
    ];

    public static void Run()
    {
        for (int i = 0; i < Dangerous.Length; i++)
        {
            uint msr = Dangerous[i];
            Case.Name("msr"u8);
            Case.AndHex(msr);
            Case.And("read"u8);
            uint fault = Probe.ReadMsr(msr, out ulong before);
            // The time-stamp counter may be read; it moves by itself.
            Case.Verdict(fault is Probe.None or Probe.Protection, "#GP or a value"u8, fault);
            Write(msr, "zero"u8, 0);
            Write(msr, "ones"u8, 0xFFFF_FFFF_FFFF_FFFF);
            Write(msr, "flip"u8, before ^ 1);
            Write(msr, "flip-high"u8, before ^ (1UL << 40));
        }
        Writable();
        ExtendedFeatures();
        MemoryTypes();
    }

    private static void Write(uint msr, ReadOnlySpan<byte> what, ulong value)
    {
        Case.Name("msr"u8);
        Case.AndHex(msr);
        Case.And(what);
        uint readBefore = Probe.ReadMsr(msr, out ulong before);
        uint fault = Probe.WriteMsr(msr, value);
        uint readAfter = Probe.ReadMsr(msr, out ulong after);
        bool same = readBefore == readAfter && (before == after || (msr == 0x10 && after > before && after - before < 1UL << 32));
        Case.Verdict(same && (fault == Probe.Protection || (fault == Probe.None && readBefore == Probe.None)), "#GP or ignored"u8, after, fault);
    }

    /// <summary>A partition's own: what is written is read.</summary>
    private static void Writable()
    {
        for (uint msr = 0xC000_0081; msr <= 0xC000_0084; msr++) Kept(msr);
        for (uint msr = 0xC000_0100; msr <= 0xC000_0103; msr++) Kept(msr);
        for (uint msr = 0x174; msr <= 0x176; msr++) Kept(msr);
    }

    private static void Kept(uint msr)
    {
        Case.Name("msr-own"u8);
        Case.AndHex(msr);
        // SYSENTER_CS is a selector: 16 bits wide.
        const ulong Value = 0x5678;
        uint fault = Probe.WriteMsr(msr, Value);
        Probe.ReadMsr(msr, out ulong after);
        Probe.WriteMsr(msr, 0);
        Case.Verdict(fault == Probe.None && after == Value, "kept"u8, after, fault);
    }

    private static void ExtendedFeatures()
    {
        Probe.ReadMsr(Efer, out ulong before);
        Case.Name("efer-svme-hidden"u8);
        Case.Verdict((before & 0x1000) == 0, "not seen"u8, before);
        for (int bit = 0; bit < 64; bit++)
        {
            // SCE, NXE, LMSLE and FFXSR are the partition's own.
            if (bit is 0 or 11 or 13 or 14) continue;
            Case.Name("efer-flip"u8);
            Case.AndHex((ulong)bit);
            uint fault = Probe.WriteMsr(Efer, before ^ (1UL << bit));
            Probe.ReadMsr(Efer, out ulong after);
            Probe.WriteMsr(Efer, before);
            Case.Verdict(after == before && fault is Probe.Protection or Probe.None, "#GP or ignored"u8, after, fault);
        }
        Case.Name("efer-after-all"u8);
        uint undefined = Probe.Run([0x0F, 0x01, 0xDC]);     // STGI
        Case.Verdict(undefined == Probe.Undefined, "STGI is #UD"u8, undefined);
    }

    /// <summary>Reserved memory types in PAT: the processor refuses them, or the partition alone bears it.</summary>
    private static void MemoryTypes()
    {
        Probe.ReadMsr(Pat, out ulong before);
        for (uint type = 0; type < 16; type++)
        {
            Case.Name("pat-type"u8);
            Case.AndHex(type);
            uint fault = Probe.WriteMsr(Pat, (before & ~0xFF00UL) | (type << 8));
            uint exit = Probe.Run([0x0F, 0xA2]);            // an exit and an entry with that value
            Probe.WriteMsr(Pat, before);
            bool ok = type is 0 or 1 or 4 or 5 or 6 or 7 ? fault == Probe.None : fault is Probe.Protection or Probe.None;
            Case.Verdict(ok && exit == Probe.None, "#GP or harmless"u8, fault, exit);
        }
    }
}
