using CsCheck;
using Osv.Monitor.Policy;

namespace Osv.Monitor.Tests;

public sealed class CpuidPolicyTests
{
    private const uint AllOnes = 0xFFFF_FFFF;

    private static (uint Eax, uint Ebx, uint Ecx, uint Edx) Filter(uint leaf, uint subleaf, uint all, bool osXsave = false, bool pke = false, bool wideIds = false)
    {
        CpuidRegisters shown = CpuidPolicy.Filter(leaf, subleaf, osXsave, pke, wideIds, new(all, all, all, all));
        return (shown.Eax, shown.Ebx, shown.Ecx, shown.Edx);
    }

    /// <summary>Features whose registers or instructions a guest does not have: leaf, register, bit, name.</summary>
    public static TheoryData<uint, string, int, string> Hidden => new()
    {
        { 1, "ecx", 3, "MONITOR" }, { 1, "ecx", 24, "TSC deadline timer" }, { 1, "edx", 7, "machine check exception" }, { 1, "edx", 14, "machine check architecture" },
        { 6, "eax", 0, "digital thermal sensor" }, { 6, "ecx", 0, "APERF and MPERF" }, { 6, "ecx", 3, "energy bias" },
        { 7, "ebx", 1, "TSC_ADJUST" }, { 7, "ebx", 12, "resource monitoring" }, { 7, "ebx", 15, "resource allocation" }, { 7, "ebx", 25, "processor trace" },
        { 7, "ecx", 7, "shadow stacks" }, { 7, "ecx", 31, "supervisor protection keys" }, { 7, "edx", 20, "indirect branch tracking" },
        { 0x8000_0001, "ecx", 2, "SVM" }, { 0x8000_0001, "ecx", 10, "IBS" }, { 0x8000_0001, "ecx", 12, "SKINIT" }, { 0x8000_0001, "ecx", 13, "watchdog" },
        { 0x8000_0001, "ecx", 15, "lightweight profiling" }, { 0x8000_0001, "ecx", 17, "translation cache extension" }, { 0x8000_0001, "ecx", 19, "node-id register" },
        { 0x8000_0001, "ecx", 23, "core performance counters" }, { 0x8000_0001, "ecx", 24, "northbridge performance counters" },
        { 0x8000_0001, "ecx", 26, "data breakpoint extension" }, { 0x8000_0001, "ecx", 27, "performance TSC" },
        { 0x8000_0001, "ecx", 28, "L3 performance counters" }, { 0x8000_0001, "ecx", 29, "MWAITX" }, { 0x8000_0001, "ecx", 30, "breakpoint address masks" },
        { 0x8000_0001, "edx", 7, "machine check exception, AMD's copy" }, { 0x8000_0001, "edx", 14, "machine check architecture, AMD's copy" },
        { 0x8000_0008, "ebx", 1, "retired instruction counter" }, { 0x8000_0008, "ebx", 8, "MCOMMIT" }, { 0x8000_0008, "ebx", 13, "interruptible WBINVD" },
        { 0x8000_0008, "ebx", 23, "inventory number" }, { 0x8000_0008, "ebx", 25, "virtual SPEC_CTRL" }, { 0x8000_0008, "ebx", 27, "collaborative performance control" },
        { 0x8000_0021, "eax", 7, "upper address ignore" }, { 0x8000_0021, "eax", 8, "automatic IBRS" }, { 0x8000_0021, "eax", 13, "prefetch control" }, { 0x8000_0021, "eax", 17, "CPUID faulting" },
    };

    [Theory]
    [MemberData(nameof(Hidden))]
    public void A_feature_whose_registers_are_closed_is_hidden(uint leaf, string register, int bit, string name)
    {
        (uint eax, uint ebx, uint ecx, uint edx) = Filter(leaf, 0, AllOnes);
        uint value = register switch { "eax" => eax, "ebx" => ebx, "ecx" => ecx, _ => edx };
        ((value >> bit) & 1).ShouldBe(0u, name);
    }

    [Theory]
    [InlineData(5)]
    [InlineData(0xA)]
    [InlineData(0xF)]
    [InlineData(0x10)]
    [InlineData(0x8000_000A)]
    [InlineData(0x8000_001B)]
    [InlineData(0x8000_001C)]
    [InlineData(0x8000_001F)]
    [InlineData(0x8000_0020)]
    [InlineData(0x8000_0022)]
    [InlineData(0x8000_0023)]
    [InlineData(0x8000_0025)]
    [InlineData(0x4000_0002)]
    [InlineData(0x4000_FFFF)]
    public void A_leaf_about_what_a_guest_does_not_have_is_empty(uint leaf) => Filter(leaf, 0, AllOnes).ShouldBe((0u, 0u, 0u, 0u));

    [Fact]
    public void A_guest_sees_a_hypervisor_with_x2APIC() => Filter(1, 0, 0).Ecx.ShouldBe((1u << 31) | (1u << 21));

    [Theory]
    [InlineData(false, "VMwareVMware", 0x4000_0000u, 0u)]
    [InlineData(true, "KVMKVMKVM\0\0\0", 0x4000_0001u, 1u << 15)]
    public void The_signature_is_one_whose_TSC_is_trusted_unless_ids_need_more_than_8_bits(bool wideIds, string signature, uint lastLeaf, uint features)
    {
        (uint eax, uint ebx, uint ecx, uint edx) = Filter(0x4000_0000, 0, AllOnes, wideIds: wideIds);
        eax.ShouldBe(lastLeaf);
        byte[] name = [.. BitConverter.GetBytes(ebx), .. BitConverter.GetBytes(ecx), .. BitConverter.GetBytes(edx)];
        System.Text.Encoding.ASCII.GetString(name).ShouldBe(signature);
        Filter(0x4000_0001, 0, AllOnes, wideIds: wideIds).ShouldBe((features, 0u, 0u, 0u));
    }

    [Fact]
    public void The_TSC_is_invariant() => Filter(0x8000_0007, 0, 0).ShouldBe((0u, 0u, 0u, 1u << 8));

    [Fact]
    public void Bits_that_mirror_CR4_are_the_guests_own()
    {
        Gen.Select(Gen.UInt, Gen.Bool, Gen.Bool).Sample((all, osXsave, pke) =>
        {
            ((Filter(1, 0, all, osXsave, pke).Ecx >> 27) & 1).ShouldBe(osXsave ? 1u : 0);
            ((Filter(7, 0, all, osXsave, pke).Ecx >> 4) & 1).ShouldBe(pke ? 1u : 0);
        });
    }

    [Fact]
    public void Supervisor_state_is_not_offered()
    {
        (uint eax, _, uint ecx, uint edx) = Filter(0xD, 1, AllOnes);
        (eax & 8).ShouldBe(0u);
        (ecx, edx).ShouldBe((0u, 0u));
        Filter(0xD, 0, 0x1234).ShouldBe((0x1234u, 0x1234u, 0x1234u, 0x1234u));
    }

    [Fact]
    public void No_feature_appears_that_the_processor_lacks_but_the_two_that_the_monitor_makes()
    {
        uint[] leaves = [1, 7, 0xD, 0x8000_0001, 0x8000_0008, 0x8000_0021];
        Gen.Select(Gen.OneOf(leaves), Gen.UInt).Sample((leaf, all) =>
        {
            (uint eax, uint ebx, uint ecx, uint edx) = Filter(leaf, 0, all);
            uint made = leaf == 1 ? (1u << 31) | (1u << 21) : 0;
            ((eax | ebx | edx) & ~all).ShouldBe(0u);
            (ecx & ~all & ~made).ShouldBe(0u);
        });
    }

    /// <summary>FFh means every core to an I/O APIC or a message (APM vol. 2, 16.6.1): no core can be named by it.</summary>
    [Fact]
    public void Plain_ids_end_below_that_of_all_cores() => CpuidPolicy.LastPlainApicId.ShouldBe(0xFFu - 1);

    [Fact]
    public void Of_power_management_only_the_timer_that_never_stops_is_shown() => Filter(6, 0, AllOnes).ShouldBe((4u, 0u, 0u, 0u));

    /// <summary>Bits 1, 3, 8, 13, 23, 25 and 27 are of features whose registers or instructions are closed (APM vol. 3, appendix E.4.7).</summary>
    [Fact]
    public void Of_the_extended_feature_identifiers_only_closed_ones_are_hidden() => Filter(0x8000_0008, 0, AllOnes).Ebx.ShouldBe(0xF57F_DEF5u);

    [Fact]
    public void Other_leaves_pass_unchanged()
    {
        uint[] touched = [1, 5, 6, 7, 0xA, 0xD, 0xF, 0x10, 0x8000_0001, 0x8000_0007, 0x8000_0008, 0x8000_000A, 0x8000_001B, 0x8000_001C, 0x8000_001F, .. Enumerable.Range(0, 6).Select(i => 0x8000_0020 + (uint)i)];
        Gen.Select(Gen.OneOf(Gen.UInt[0, 0x40], Gen.UInt[0x8000_0000, 0x8000_0040], Gen.UInt), Gen.UInt)
            .Where((leaf, _) => !touched.Contains(leaf) && leaf is < 0x4000_0000 or > 0x4000_FFFF)
            .Sample((leaf, all) => Filter(leaf, 0, all).ShouldBe((all, all, all, all)));
    }
}
