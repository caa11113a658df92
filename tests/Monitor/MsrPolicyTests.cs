using CsCheck;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Tests;

public sealed class MsrPolicyTests
{
    private static readonly byte[] s_map = MakeMap();

    private static byte[] MakeMap()
    {
        var map = new byte[0x2000];
        MsrPolicy.FillPermissionMap(map);
        return map;
    }

    /// <summary>Registers that the processor looks up in the map (APM vol. 2, 15.11).</summary>
    private static IEnumerable<uint> Mapped => new uint[] { 0, 0xC000_0000, 0xC001_0000 }.SelectMany(first => Enumerable.Range(0, 0x2000).Select(i => first + (uint)i));

    /// <summary>Bit of a register's read permission; the write permission follows.</summary>
    private static int Bit(uint msr) => (msr >> 16 == 0 ? 0 : msr >> 16 == 0xC000 ? 0x800 * 8 : 0x1000 * 8) + 2 * (int)(msr & 0x1FFF);

    private static bool IsOpen(int bit) => (s_map[bit / 8] & (1 << (bit % 8))) == 0;

    private static bool CanRead(uint msr) => IsOpen(Bit(msr));

    private static bool CanWrite(uint msr) => IsOpen(Bit(msr) + 1);

    private static IEnumerable<uint> Range(uint first, uint last) => Enumerable.Range(0, (int)(last - first + 1)).Select(i => first + (uint)i);

    [Fact]
    public void Exactly_these_registers_can_be_read_without_an_exit()
    {
        uint[] expected =
        [
            0x10, 0x48, 0x174, 0x175, 0x176, 0x277,
            .. Range(0x802, 0x828), 0x830, .. Range(0x832, 0x839), 0x83E,
            .. Range(0xC000_0081, 0xC000_0084), .. Range(0xC000_0100, 0xC000_0103),
        ];
        Mapped.Where(CanRead).ShouldBe(expected);
    }

    [Fact]
    public void Exactly_these_registers_can_be_written_without_an_exit()
    {
        uint[] expected =
        [
            0x48, 0x49, 0x174, 0x175, 0x176, 0x277,
            0x808, 0x80B, 0x80F, 0x828, 0x832, 0x838, 0x83E, 0x83F,
            .. Range(0xC000_0081, 0xC000_0084), .. Range(0xC000_0100, 0xC000_0103),
        ];
        Mapped.Where(CanWrite).ShouldBe(expected);
    }

    [Fact]
    public void What_lies_behind_the_three_ranges_is_closed() => s_map[0x1800..].ShouldAllBe(bits => bits == 0xFF);

    public static TheoryData<string, uint[]> Closed => new()
    {
        { "EFER", [0xC000_0080] },
        { "APIC base", [0x1B] },
        { "ICR and the local vectors that have a delivery mode", [0x830, 0x833, 0x834, 0x835, 0x836, 0x837] },
        { "MTRRs", [0x2FF, 0x250, 0x258, 0x259, .. Range(0x268, 0x26F), .. Range(0x200, 0x20F)] },
        { "SYSCFG, IORRs and TOP_MEM", [0xC001_0010, .. Range(0xC001_0016, 0xC001_0019), 0xC001_001A, 0xC001_001D] },
        { "HWCR", [0xC001_0015] },
        { "VM_CR, IGNNE, SMM_CTL, VM_HSAVE_PA", [0xC001_0114, 0xC001_0115, 0xC001_0116, 0xC001_0117] },
        { "SMM base, address and mask", [0xC001_0111, 0xC001_0112, 0xC001_0113] },
        { "SMI trapping", Range(0xC001_0050, 0xC001_0056).ToArray() },
        { "P-states and clocks", Range(0xC001_0061, 0xC001_0073).ToArray() },
        { "machine checks", [0x179, 0x17A, 0x17B, .. Range(0x400, 0x47F)] },
        { "microcode", [0x8B, 0xC001_0020] },
        { "IBS and performance counters", [.. Range(0xC001_1030, 0xC001_103D), .. Range(0xC001_0000, 0xC001_0007), .. Range(0xC001_0200, 0xC001_020B)] },
        { "processor configuration", [.. Range(0xC001_1019, 0xC001_102D), .. Range(0xC001_1000, 0xC001_1005)] },
        { "encryption", [0xC001_0130, 0xC001_0131, 0xC001_0132, 0xC001_0133] },
        { "resource control", [0xC81, .. Range(0xC90, 0xC9F), 0xC8D, 0xC8E, 0xC8F] },
        { "debug control", [0x1D9, 0x1DB, 0x1DC] },
    };

    [Theory]
    [MemberData(nameof(Closed))]
    public void A_register_that_is_not_the_guests_cannot_be_written(string what, uint[] registers) =>
        registers.Where(CanWrite).ShouldBeEmpty(what);

    [Fact]
    public void Every_register_that_is_not_listed_faults_both_ways()
    {
        uint[] answered = [.. Mapped.Where(msr => MsrPolicy.Read(msr, out _) != MsrVerdict.Fault || MsrPolicy.Write(msr) != MsrVerdict.Fault)];
        uint[] expected =
        [
            0x17, 0x1B, 0x3A, 0x8B, 0xE7, 0xE8, 0xFE, 0x179, 0x17B, 0x1A0, 0x1D9, 0x250, 0x258, 0x259, .. Range(0x268, 0x26F), 0x2FF,
            0x830, .. Range(0x833, 0x837), 0xC000_0080,
            0xC001_0010, 0xC001_0015, 0xC001_001F, 0xC001_0055, 0xC001_0058, 0xC001_0062, 0xC001_0063, 0xC001_0064,
            0xC001_0112, 0xC001_0113, 0xC001_0114, 0xC001_0117, 0xC001_0140, 0xC001_0141,
            0xC001_1005, 0xC001_1020, 0xC001_1022, 0xC001_1029, 0xC001_102A,
        ];
        answered.ShouldBe(expected);
    }

    [Fact]
    public void Registers_outside_the_mapped_ranges_fault()
    {
        Gen.UInt.Where(msr => (msr & 0xFFFF_E000) is not (0 or 0xC000_0000 or 0xC001_0000)).Sample(msr =>
        {
            MsrPolicy.Read(msr, out ulong value).ShouldBe(MsrVerdict.Fault);
            value.ShouldBe(0ul);
            MsrPolicy.Write(msr).ShouldBe(MsrVerdict.Fault);
        });
    }

    [Fact]
    public void A_write_that_goes_anywhere_goes_to_a_register_with_a_filter_of_its_own()
    {
        foreach (uint msr in Mapped)
        {
            MsrVerdict verdict = MsrPolicy.Write(msr);
            MsrVerdict expected = msr switch
            {
                0x1B => MsrVerdict.ApicBase,
                0x830 => MsrVerdict.Icr,
                >= 0x833 and <= 0x837 => MsrVerdict.LocalVector,
                0xC000_0080 => MsrVerdict.Efer,
                _ => verdict is MsrVerdict.Value or MsrVerdict.Fault ? verdict : MsrVerdict.Fault,
            };
            verdict.ShouldBe(expected, $"{msr:X8}h");
        }
    }

    [Fact]
    public void LFENCE_reads_as_serializing_and_the_register_keeps_its_value()
    {
        MsrPolicy.Read(0xC001_1029, out ulong value).ShouldBe(MsrVerdict.Value);
        value.ShouldBe(2ul);
        MsrPolicy.Write(0xC001_1029).ShouldBe(MsrVerdict.Value, "dropped: the monitor has set it");
    }

    [Fact]
    public void VM_CR_reads_as_locked_and_disabled_and_cannot_be_written()
    {
        MsrPolicy.Read(0xC001_0114, out ulong value).ShouldBe(MsrVerdict.Value);
        value.ShouldBe(0x18ul);
        MsrPolicy.Write(0xC001_0114).ShouldBe(MsrVerdict.Fault);
    }

    [Fact]
    public void Every_MTRR_that_the_capabilities_announce_can_be_read_and_all_memory_is_write_back()
    {
        MsrPolicy.Read(0xFE, out ulong capabilities).ShouldBe(MsrVerdict.Value);
        foreach (uint msr in Range(0x200, 0x20F).Take(2 * (int)(capabilities & 0xFF))) MsrPolicy.Read(msr, out _).ShouldBe(MsrVerdict.Value, $"{msr:X}h");
        (capabilities & 0x100).ShouldBe(0x100ul);
        foreach (uint msr in (uint[])[0x250, 0x258, 0x259, .. Range(0x268, 0x26F)])
        {
            MsrPolicy.Read(msr, out ulong types).ShouldBe(MsrVerdict.Value);
            MsrPolicy.Write(msr).ShouldBe(MsrVerdict.Value, $"{msr:X}h: Linux writes what it read");
            types.ShouldBe(0x0606_0606_0606_0606ul);
        }
        MsrPolicy.Read(0x2FF, out ulong standard).ShouldBe(MsrVerdict.Value);
        standard.ShouldBe(0xC06ul);
    }

    [Fact]
    public void The_guests_EFER_keeps_SVME_and_LMA_whatever_it_writes()
    {
        Gen.Select(Gen.OneOf(Gen.ULong, Gen.ULong[0, 0xFFFF]), Gen.ULong[0, 0xFFFF], Gen.Bool).Sample((written, current, paging) =>
        {
            const ulong SystemCalls = 1, LongModeEnable = 0x100, LongModeActive = 0x400, NoExecute = 0x800, Svme = 0x1000, SegmentLimits = 0x2000, FastSave = 0x4000;
            ulong known = SystemCalls | LongModeEnable | LongModeActive | NoExecute | Svme | SegmentLimits | FastSave;
            bool taken = MsrPolicy.GuestEfer(current, written, paging, out ulong value);
            bool legal = (written | known) == known && !(paging && (written & LongModeEnable) != (current & LongModeEnable));
            taken.ShouldBe(legal);
            if (!taken) return;
            (value & Svme).ShouldBe(Svme);
            (value & LongModeActive).ShouldBe(current & LongModeActive);
            ulong free = SystemCalls | LongModeEnable | NoExecute | SegmentLimits | FastSave;
            (value & free).ShouldBe(written & free);
            (value & ~known).ShouldBe(0ul);
        }, iter: 100_000);
    }

    /// <summary>The entry for errors of the APIC itself: it has no delivery mode.</summary>
    private const uint Errors = 0x837;

    /// <summary>Reserved bits of a local vector in x2APIC mode answer a write with #GP, which would be the monitor's.</summary>
    private static void CheckLocalVector(uint msr, ulong written)
    {
        const ulong Vector = 0xFF, Mode = 0x700, Mask = 0x1_0000;
        ulong given = MsrPolicy.GuestLocalVector(msr, written);
        (given & ~(Vector | Mode | Mask)).ShouldBe(0ul, $"{written:X}h");
        (given & Vector).ShouldBe(written & Vector);
        (given & Mode).ShouldBeOneOf(0ul, msr == Errors ? 0ul : 0x400ul);
        if ((written & Mode) == 0 || ((written & Mode) == 0x400 && msr != Errors)) (given & (Mode | Mask)).ShouldBe(written & (Mode | Mask));
        else (given & (Mode | Mask)).ShouldBe(Mask, "a mode that no guest needs is masked");
    }

    [Fact]
    public void A_local_vector_carries_a_fixed_interrupt_or_an_NMI_and_no_reserved_bit()
    {
        for (uint msr = 0x833; msr <= Errors; msr++)
        {
            for (ulong written = 0; written < 0x4_0000; written++) CheckLocalVector(msr, written);
        }
        Gen.Select(Gen.UInt[0x833, Errors], Gen.ULong).Sample(CheckLocalVector);
    }
}
